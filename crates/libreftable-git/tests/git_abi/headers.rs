//! The committed header against the headers of git itself: the same functions with compatible
//! prototypes, and the same layouts.
//!
//! The headers are those of a source tree of git 2.55 that the variable `REFTABLE_GIT_SOURCE`
//! names, and those of other releases that `REFTABLE_GIT_SOURCE_2_47` and so on name. Without
//! them there is nothing to compare with, and the tests say so and pass.

use crate::archive::{c, root, run, scratch};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::skip::skip;

/// git's own system header needs a configured git around it; this has what the others use of it.
const SYSTEM_HEADER: &str = "\
#ifndef REFTABLE_SYSTEM_H
#define REFTABLE_SYSTEM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#endif
";

/// The same for the headers of 2.47.
const HASH_HEADER: &str = "#define GIT_MAX_RAWSZ 32\n";

/// Functions that git's library exports for its own glue, without a public header.
const MEMORY: [&str; 5] = [
    "reftable_calloc",
    "reftable_free",
    "reftable_malloc",
    "reftable_realloc",
    "reftable_strdup",
];

/// Fields by struct. Both headers have them at the same offsets, with the same sizes.
const LAYOUTS: &[(&str, &str)] = &[
    ("reftable_buf", "alloc len buf"),
    ("reftable_block_source", "ops arg"),
    ("reftable_block_data", "data len source"),
    (
        "reftable_block_source_vtable",
        "size read_data release_data close",
    ),
    (
        "reftable_block",
        "header_off block_data hash_size zstream uncompressed_data uncompressed_cap restart_count \
         restart_off full_block_size block_type",
    ),
    ("reftable_iterator", "ops iter_arg"),
    (
        "reftable_ref_record",
        "refname refname_cap update_index value_type value value.val1 value.val2.value \
         value.val2.target_value value.symref",
    ),
    (
        "reftable_log_record",
        "refname refname_cap update_index value_type value.update.new_hash value.update.old_hash \
         value.update.name value.update.email value.update.time value.update.tz_offset \
         value.update.message value.update.message_cap",
    ),
    (
        "reftable_write_options",
        "block_size restart_interval hash_id default_permissions auto_compaction_factor \
         lock_timeout_ms on_reload on_reload_payload",
    ),
    ("reftable_log_expiry_config", "time min_update_index"),
    (
        "reftable_compaction_stats",
        "bytes entries_written attempts failures",
    ),
    ("reftable_table_offsets", "is_present offset index_offset"),
    (
        "reftable_table",
        "name source size hash_id block_size min_update_index max_update_index object_id_len \
         version ref_offsets obj_offsets log_offsets refcount",
    ),
    ("reftable_table_iterator", "iter_arg"),
    (
        "reftable_block_stats",
        "entries restarts blocks index_blocks max_index_level offset index_offset",
    ),
    (
        "reftable_stats",
        "blocks ref_stats obj_stats idx_stats log_stats object_id_len",
    ),
    ("reftable_fsck_info", "error msg path"),
];

/// Bit fields, whose places only a program can show.
const BITS: [&str; 4] = [
    "unpadded",
    "skip_index_objects",
    "exact_log_message",
    "disable_auto_compact",
];

const CONSTANTS: &[&str] = &[
    "REFTABLE_REF_DELETION",
    "REFTABLE_REF_VAL1",
    "REFTABLE_REF_VAL2",
    "REFTABLE_REF_SYMREF",
    "REFTABLE_LOG_DELETION",
    "REFTABLE_LOG_UPDATE",
    "REFTABLE_HASH_SHA1",
    "REFTABLE_HASH_SHA256",
    "REFTABLE_HASH_SIZE_SHA1",
    "REFTABLE_HASH_SIZE_SHA256",
    "REFTABLE_HASH_SIZE_MAX",
    "REFTABLE_BLOCK_TYPE_ANY",
    "REFTABLE_BLOCK_TYPE_REF",
    "REFTABLE_BLOCK_TYPE_LOG",
    "REFTABLE_BLOCK_TYPE_OBJ",
    "REFTABLE_BLOCK_TYPE_INDEX",
    "REFTABLE_STACK_NEW_ADDITION_RELOAD",
    "REFTABLE_FSCK_ERROR_TABLE_NAME",
    "REFTABLE_FSCK_MAX_VALUE",
    "REFTABLE_IO_ERROR",
    "REFTABLE_FORMAT_ERROR",
    "REFTABLE_NOT_EXIST_ERROR",
    "REFTABLE_LOCK_ERROR",
    "REFTABLE_API_ERROR",
    "REFTABLE_ZLIB_ERROR",
    "REFTABLE_EMPTY_TABLE_ERROR",
    "REFTABLE_REFNAME_ERROR",
    "REFTABLE_ENTRY_TOO_BIG_ERROR",
    "REFTABLE_OUTDATED_ERROR",
    "REFTABLE_OUT_OF_MEMORY_ERROR",
];

/// A folder with git's public headers, and their names.
fn headers_of_git() -> Option<(PathBuf, Vec<String>)> {
    headers("REFTABLE_GIT_SOURCE")
}

/// A folder with the public headers of the source that `variable` names, and their names.
fn headers(variable: &str) -> Option<(PathBuf, Vec<String>)> {
    let Some(source) = std::env::var_os(variable) else {
        skip(&format!("{variable} names no source of git"));
        return None;
    };
    let source = Path::new(&source).join("reftable");
    // Each test has a folder of its own, since they run at the same time.
    let folder = scratch(&format!("{variable}-{:?}", std::thread::current().id()));
    fs::create_dir_all(&folder).unwrap_or_default();
    for (name, text) in [
        ("reftable-system.h", SYSTEM_HEADER),
        ("hash.h", HASH_HEADER),
    ] {
        fs::write(folder.join(name), text).expect("a header");
    }
    let mut names = vec!["reftable-system.h".to_owned()];
    for entry in fs::read_dir(&source).expect("the source has a folder reftable") {
        let path = entry.expect("a folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("reftable-") || !name.ends_with(".h") {
            continue;
        }
        if name == "reftable-system.h" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a header");
        fs::write(folder.join(&*name), text).expect("a copy of a header");
        names.push(name.into_owned());
    }
    names[1..].sort();
    assert!(names.len() > 5, "{} headers: {names:?}", names.len());
    Some((folder, names))
}

fn includes(names: &[String]) -> String {
    let lines = names.iter().map(|name| format!("#include \"{name}\"\n"));
    lines.collect()
}

/// C without comments and preprocessor lines.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// The declarations of functions, each with its name, in the code of a header.
fn functions(code: &str) -> Vec<(String, String)> {
    let mut depth = 0_i32;
    let mut statement = String::new();
    let mut found = Vec::new();
    for c in code.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        statement.push(c);
        // `extern "C" {` is within braces of its own, but only for C++.
        if c != ';' || depth > 0 {
            continue;
        }
        let text = std::mem::take(&mut statement);
        let Some((before, _)) = text.split_once('(') else {
            continue;
        };
        let name = before
            .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
            .next();
        let is_type = text.trim_start().starts_with("typedef") || text.contains('{');
        match name {
            Some(name) if name.starts_with("reftable_") && !is_type => {
                found.push((name.to_owned(), text.trim().to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// The declarations in the committed header.
fn own_functions() -> Vec<(String, String)> {
    let header = fs::read_to_string(root().join("crates/libreftable-git/include/reftable-git.h"))
        .expect("the header");
    // What is between the braces of `extern "C"` only.
    let body = code(&header)
        .replace("extern \"C\" {", "")
        .replace("}  // extern \"C\"", "");
    functions(&body)
}

#[test]
fn declarations_are_taken_from_headers() {
    let text = "/* a(b); */ struct reftable_x { int (*f)(void); };\n#define A(x) x\n\
        int reftable_f(struct reftable_x *x,\n int (*g)(int));\ntypedef int reftable_fn(int);\n";
    let found = functions(&code(text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "reftable_f");
}

#[test]
fn the_header_declares_what_the_list_of_symbols_names() {
    let declared: BTreeSet<String> = own_functions().into_iter().map(|(name, _)| name).collect();
    let listed =
        fs::read_to_string(root().join("crates/libreftable-git/include/reftable-git.symbols"))
            .expect("the list");
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    assert_eq!(declared, listed);
    assert_eq!(listed.len(), 71 + MEMORY.len());
}

#[test]
fn the_functions_are_those_of_git() {
    let Some((folder, names)) = headers_of_git() else {
        return;
    };
    let mut of_git = BTreeSet::new();
    for name in names {
        let text = fs::read_to_string(folder.join(name)).expect("a header");
        of_git.extend(functions(&code(&text)).into_iter().map(|(name, _)| name));
    }
    let own: BTreeSet<String> = own_functions().into_iter().map(|(name, _)| name).collect();
    let expected: BTreeSet<String> = of_git
        .into_iter()
        .chain(MEMORY.map(str::to_owned))
        .collect();
    assert_eq!(own, expected);
}

/// The compiler refuses a second declaration that is not compatible with the first.
#[test]
fn prototypes_are_compatible_with_those_of_git() {
    let Some((folder, names)) = headers_of_git() else {
        return;
    };
    let mut text = includes(&names);
    let functions = own_functions();
    for (_, declaration) in &functions {
        text.push_str(declaration);
        text.push('\n');
    }
    let source = scratch("prototypes.c");
    fs::write(&source, text).expect("a source file");
    let mut check = c();
    check.args(["-std=gnu11", "-fsyntax-only", "-I"]);
    run(check.arg(&folder).arg(&source));

    // The check itself is checked: another type is not compatible.
    let wrong = scratch("wrong.c");
    let text = includes(&names) + "int reftable_writer_set_limits(struct reftable_writer *, int);";
    fs::write(&wrong, text).expect("a source file");
    let refused = c()
        .args(["-std=gnu11", "-fsyntax-only", "-I"])
        .arg(&folder)
        .arg(&wrong)
        .output()
        .expect("a compiler");
    assert!(!refused.status.success());
}

/// A program that prints the layouts and constants of the header that `include` names.
fn layouts(include: &str) -> String {
    let mut text = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <string.h>\n{include}\n\
         int main(void)\n{{\n"
    );
    let mut line = |name: &str, value: &str| {
        text.push_str(&format!("printf(\"{name} %ld\\n\", (long)({value}));\n"));
    };
    for (name, fields) in LAYOUTS {
        line(name, &format!("sizeof(struct {name})"));
        for field in fields.split_whitespace() {
            let member = format!("((struct {name} *)0)->{field}");
            line(
                &format!("{name}.{field}"),
                &format!("offsetof(struct {name}, {field})"),
            );
            line(
                &format!("sizeof {name}.{field}"),
                &format!("sizeof({member})"),
            );
        }
    }
    for constant in CONSTANTS {
        line(constant, constant);
    }
    for bit in BITS {
        text.push_str(&format!(
            "{{ struct reftable_write_options o; unsigned char *p = (void *)&o; size_t i;\n\
             memset(&o, 0, sizeof(o)); o.{bit} = 1;\n\
             for (i = 0; i < sizeof(o); i++) if (p[i]) printf(\"{bit} %zu %d\\n\", i, p[i]); }}\n"
        ));
    }
    text + "return 0;\n}\n"
}

fn measured(name: &str, folder: &Path, include: &str) -> String {
    let source = scratch(&format!("{name}.c"));
    let program = scratch(name);
    fs::write(&source, layouts(include)).expect("a source file");
    run(c()
        .args(["-std=gnu11", "-I"])
        .arg(folder)
        .arg(&source)
        .arg("-o")
        .arg(&program));
    String::from_utf8(run(&mut Command::new(program)).stdout).expect("text")
}

#[test]
fn layouts_and_constants_are_those_of_git() {
    let own = measured(
        "own",
        &root().join("crates/libreftable-git/include"),
        "#include \"reftable-git.h\"",
    );
    // Also without git's headers: the sizes that callers of this API were compiled with.
    for known in [
        "reftable_write_options 48",
        "reftable_ref_record 96",
        "reftable_log_record 144",
        "reftable_table 144",
        "reftable_block 88",
        "disable_auto_compact 20 2",
    ] {
        assert!(own.lines().any(|line| line == known), "{known}\n{own}");
    }
    if let Some((folder, names)) = headers_of_git() {
        assert_eq!(own, measured("of-git", &folder, &includes(&names)));
    }
}

/// Fields and where they are in bytes.
type Offsets = &'static [(&'static str, usize)];

/// What other releases have instead of the options of 2.55: the size of a struct, and where its
/// fields are. The same numbers stand in `src/releases`.
const OTHER_OPTIONS: &[(&str, &str, usize, Offsets)] = &[
    (
        "REFTABLE_GIT_SOURCE_2_47",
        "reftable_write_options",
        32,
        &[
            ("block_size", 4),
            ("restart_interval", 10),
            ("hash_id", 12),
            ("default_permissions", 16),
            ("auto_compaction_factor", 21),
            ("lock_timeout_ms", 24),
        ],
    ),
    (
        "REFTABLE_GIT_SOURCE_2_53",
        "reftable_write_options",
        56,
        &[
            ("hash_id", 12),
            ("default_permissions", 16),
            ("auto_compaction_factor", 21),
            ("lock_timeout_ms", 24),
            ("fsync", 32),
            ("on_reload", 40),
            ("on_reload_payload", 48),
        ],
    ),
    (
        "REFTABLE_GIT_SOURCE_MASTER",
        "reftable_write_options",
        32,
        &[
            ("block_size", 4),
            ("restart_interval", 10),
            ("default_permissions", 12),
            ("auto_compaction_factor", 17),
            ("lock_timeout_ms", 24),
        ],
    ),
    (
        "REFTABLE_GIT_SOURCE_MASTER",
        "reftable_stack_options",
        32,
        &[
            ("hash_id", 0),
            ("on_reload", 8),
            ("on_reload_payload", 16),
            ("suppress_deletions", 24),
        ],
    ),
];

#[test]
fn options_of_other_releases_are_where_their_files_have_them() {
    for (variable, name, size, fields) in OTHER_OPTIONS {
        let Some((folder, names)) = headers(variable) else {
            continue;
        };
        let mut text = format!("#include <stddef.h>\n{}", includes(&names));
        text += &format!("_Static_assert(sizeof(struct {name}) == {size}, \"size\");\n");
        for (field, offset) in *fields {
            text += &format!(
                "_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{field}\");\n"
            );
        }
        let source = scratch(&format!("{variable}.{name}.c"));
        fs::write(&source, text).expect("a source file");
        let mut check = c();
        check.args(["-std=gnu11", "-fsyntax-only", "-I"]);
        run(check.arg(&folder).arg(&source));
    }
}

/// The lists of symbols by which archives for other releases are made.
#[test]
fn the_functions_of_other_releases_are_those_of_their_headers() {
    for (variable, list) in [
        ("REFTABLE_GIT_SOURCE_2_47", "reftable-git-2.47.symbols"),
        ("REFTABLE_GIT_SOURCE_2_53", "reftable-git.symbols"),
        ("REFTABLE_GIT_SOURCE_MASTER", "reftable-git.symbols"),
    ] {
        let Some((folder, names)) = headers(variable) else {
            continue;
        };
        let mut expected: BTreeSet<String> = MEMORY.map(str::to_owned).into();
        for name in names {
            let text = fs::read_to_string(folder.join(name)).expect("a header");
            expected.extend(functions(&code(&text)).into_iter().map(|(name, _)| name));
        }
        let listed = fs::read_to_string(root().join("crates/libreftable-git/include").join(list))
            .expect("the list");
        let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
        assert_eq!(listed, expected, "{variable}");
    }
}
