//! What an import takes over, and what it tells of the rest.

use crate::tool::{status, tool};
use std::fs;
use test_support::git::Git;

#[test]
fn packed_refs_of_git_come_in_with_what_tags_peel_to_and_go_out_again() {
    let Some(git) = Git::find("packed-refs") else {
        return;
    };
    let repo = git.init("sha1");
    repo.run(&["init", "-q", "-b", "main", "--ref-format=files", "plain"]);
    let run = |args: &[&str]| repo.run(&[&["-C", "plain"], args].concat());
    run(&["commit", "-q", "--allow-empty", "-m", "one"]);
    run(&["tag", "-a", "-m", "annotated", "v1"]);
    run(&["tag", "light"]);
    run(&["branch", "z"]);
    run(&["pack-refs", "--all"]);
    let packed = fs::read_to_string(repo.path().join("plain/.git/packed-refs")).unwrap();
    let text = tool(
        repo.path(),
        &["import", "-q", "plain/.git/packed-refs", "new"],
    );
    assert!(!text.contains("not taken over"), "{text}");
    let (code, again, errors) = status(repo.path(), &["export", "new"]);
    assert_eq!((code, &*again), (0, &*packed), "{errors}");
    // An ordinary repository fits too, but for HEAD, which never does.
    let (code, _, errors) = status(repo.path(), &["export", "."]);
    assert_eq!(
        (code, &*errors),
        (0, "left out: HEAD (no place in this form)\n")
    );
    // Lines in another order keep what belongs together.
    let peeled = packed.lines().find(|line| line.starts_with('^')).unwrap();
    let tag = packed.lines().find(|line| line.ends_with("v1")).unwrap();
    let main = packed
        .lines()
        .find(|line| line.ends_with("heads/z"))
        .unwrap();
    fs::write(
        repo.path().join("odd"),
        format!("{tag}\n{peeled}\n{main}\n{peeled}x\n"),
    )
    .unwrap();
    let (code, text, _) = status(repo.path(), &["import", "-q", "odd", "other"]);
    assert_eq!(code, 1);
    assert_eq!(text.matches("not taken over").count(), 1, "{text}");
    let listed = tool(repo.path(), &["ls", "--peel", "other"]);
    assert!(
        listed.contains(&format!("{} refs/tags/v1^{{}}", &peeled[1..])),
        "{listed}"
    );
}

#[test]
fn refs_that_cannot_be_taken_are_told_one_by_one_and_stop_nothing() {
    let Some(git) = Git::find("bad refs") else {
        return;
    };
    let id = "11".repeat(20);
    let long = format!("refs/heads/{}", "x".repeat(5000));
    let zero = "0".repeat(40);
    let bad = [
        format!("{id} refs/heads/a/b"),
        format!("{id} refs/heads/a..b"),
        format!("{id} {long}"),
        format!("{zero} refs/heads/zero"),
    ];
    let good = [
        format!("{id} refs/heads/a"),
        format!("{id} refs/heads/a-b"),
        format!("{id} refs/heads/z"),
    ];
    let mut lines: Vec<&String> = good.iter().chain(&bad).collect();
    lines.sort_by_key(|line| line[41..].to_owned());
    let sorted: String = lines.iter().map(|line| format!("{line}\n")).collect();
    lines.reverse();
    let reversed: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let dir = tempfile::tempdir().unwrap();
    let repo = git.init("sha1");
    repo.run(&["init", "-q", "-b", "main", "--ref-format=files", "plain"]);
    fs::write(repo.path().join("plain/.git/packed-refs"), &sorted).unwrap();
    fs::write(dir.path().join("sorted"), &sorted).unwrap();
    fs::write(dir.path().join("reversed"), &reversed).unwrap();
    let plain = repo.path().join("plain");
    for (source, to) in [
        (dir.path().join("sorted"), "one"),
        (dir.path().join("reversed"), "two"),
        (plain, "three"),
    ] {
        let args = [
            "import".as_ref(),
            "-q".as_ref(),
            source.as_os_str(),
            to.as_ref(),
        ];
        let (code, text, errors) = status(dir.path(), &args);
        assert_eq!(code, 1, "{errors}");
        for line in &bad {
            let name = &line[41..];
            let told = text
                .lines()
                .any(|line| line.starts_with("not taken over: ") && line.contains(name));
            assert!(told, "{to} {name}: {text}");
        }
        let listed = tool(dir.path(), &["ls", to]);
        for line in &good {
            assert!(listed.contains(line.as_str()), "{to}: {listed}");
        }
        assert_eq!(status(dir.path(), &["verify", to]).0, 0);
    }
}

#[test]
fn values_that_git_complains_of_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let lines = "ref: refs/tags/v1 HEAD\nref: refs/heads/a..b refs/heads/s\n";
    fs::write(dir.path().join("lines"), lines).unwrap();
    let (code, text, _) = status(dir.path(), &["import", "-q", "lines", "new"]);
    assert_eq!(code, 1);
    assert!(text.contains("not taken over: refs/heads/s: "), "{text}");
    assert!(
        text.contains("(badReferentName)") && text.contains("(badHeadTarget)"),
        "{text}"
    );
    assert_eq!(tool(dir.path(), &["ls", "new"]), "ref: refs/tags/v1 HEAD\n");
}
