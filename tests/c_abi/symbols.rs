//! What the library exports: the 61 functions of the header of 2020 and the documented additions,
//! in the archive, in the list and in the header alike.

use crate::archive::{NATIVE_LIBS, archive, cargo, root, run};
use std::process::Command;

/// The functions of `reftable.h` of June 2020.
const OF_2020: [&str; 61] = [
    "reftable_addition_add",
    "reftable_addition_commit",
    "reftable_addition_destroy",
    "reftable_block_source_from_file",
    "reftable_error_str",
    "reftable_error_to_errno",
    "reftable_fd_write",
    "reftable_iterator_destroy",
    "reftable_iterator_next_log",
    "reftable_iterator_next_ref",
    "reftable_log_record_clear",
    "reftable_log_record_equal",
    "reftable_log_record_is_deletion",
    "reftable_log_record_print",
    "reftable_merged_table_close",
    "reftable_merged_table_free",
    "reftable_merged_table_max_update_index",
    "reftable_merged_table_min_update_index",
    "reftable_merged_table_seek_log",
    "reftable_merged_table_seek_log_at",
    "reftable_merged_table_seek_ref",
    "reftable_new_merged_table",
    "reftable_new_reader",
    "reftable_new_stack",
    "reftable_new_writer",
    "reftable_reader_free",
    "reftable_reader_hash_id",
    "reftable_reader_max_update_index",
    "reftable_reader_min_update_index",
    "reftable_reader_refs_for",
    "reftable_reader_seek_log",
    "reftable_reader_seek_log_at",
    "reftable_reader_seek_ref",
    "reftable_ref_record_clear",
    "reftable_ref_record_equal",
    "reftable_ref_record_is_deletion",
    "reftable_ref_record_print",
    "reftable_set_alloc",
    "reftable_stack_add",
    "reftable_stack_auto_compact",
    "reftable_stack_compact_all",
    "reftable_stack_compaction_stats",
    "reftable_stack_destroy",
    "reftable_stack_merged_table",
    "reftable_stack_new_addition",
    "reftable_stack_next_update_index",
    "reftable_stack_read_log",
    "reftable_stack_read_ref",
    "reftable_stack_reload",
    "reftable_table_from_merged_table",
    "reftable_table_from_reader",
    "reftable_table_read_ref",
    "reftable_table_seek_ref",
    "reftable_writer_add_log",
    "reftable_writer_add_logs",
    "reftable_writer_add_ref",
    "reftable_writer_add_refs",
    "reftable_writer_close",
    "reftable_writer_free",
    "reftable_writer_set_limits",
    "writer_stats",
];

/// Functions that only this library has; their comments in the header say so.
const EXTENSIONS: [&str; 3] = [
    "reftable_set_durability",
    "reftable_set_mapping",
    "reftable_version",
];

fn expected() -> Vec<String> {
    let mut names: Vec<String> = OF_2020
        .iter()
        .chain(&EXTENSIONS)
        .map(|&name| name.to_owned())
        .collect();
    names.sort();
    names
}

fn text(path: &str) -> String {
    // An empty text is not what any of these tests expects.
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Programs of 2020 find every function; none was renamed, as `writer_stats` was later.
#[test]
fn the_archive_exports_the_functions_of_2020_and_the_extensions() {
    let output = run(Command::new("nm")
        .args(["-g", "--defined-only", "-P"])
        .arg(archive()));
    let mut exported: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| name.starts_with("reftable_") || *name == "writer_stats")
        .map(str::to_owned)
        .collect();
    exported.sort();
    assert_eq!(exported, expected());
}

/// The list that decides what stays visible in the released archive.
#[test]
fn the_list_of_symbols_has_the_same() {
    let list = text("include/reftable.symbols");
    let names: Vec<String> = list.lines().map(str::to_owned).collect();
    assert_eq!(names, expected());
}

/// A function without a prototype cannot be called, a prototype without a function not linked.
#[test]
fn the_header_declares_the_same() {
    let header = text("include/reftable.h");
    let mut code = String::new();
    for (number, part) in header.split("/*").enumerate() {
        code += match number {
            0 => part,
            _ => part.split_once("*/").map_or("", |(_, code)| code),
        };
    }
    let mut declared: Vec<String> = code
        .match_indices('(')
        .filter_map(|(at, _)| {
            code[..at]
                .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .filter(|name| name.starts_with("reftable_") || *name == "writer_stats")
        .map(str::to_owned)
        .collect();
    declared.sort();
    assert_eq!(declared, expected());
}

/// Callers must be able to tell what they give up when they use one.
#[test]
fn the_header_names_the_extensions_as_such() {
    let header = text("include/reftable.h");
    for name in EXTENSIONS {
        let (comment, _) = header
            .split("/**")
            .skip(1)
            .filter_map(|part| part.split_once("*/"))
            .find(|(_, code)| code.contains(&format!("{name}(")))
            .unwrap_or_else(|| panic!("{name} has no comment"));
        assert!(comment.contains("extension of this library"), "{comment}");
    }
}

/// What a program must link besides. A dependency that needs more, as a C library, would break
/// everybody's link line.
#[test]
fn the_native_libraries_are_those_of_the_rust_standard_library() {
    let output = run(cargo("rustc").args(["--crate-type", "staticlib"]).args([
        "--",
        "--print",
        "native-static-libs",
    ]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let list = said
        .split("native-static-libs: ")
        .nth(1)
        .and_then(|rest| rest.split(['"', '\\', '\n']).next())
        .unwrap_or_else(|| panic!("rustc names no libraries: {said}"));
    let mut seen = Vec::new();
    for library in list.split_whitespace() {
        if !seen.contains(&library) {
            seen.push(library);
        }
    }
    assert_eq!(seen.join(" "), NATIVE_LIBS);
}
