//! Runs one input without the fuzzer: `cargo run --example replay TARGET FILE...`.

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_default();
    let check = match target.as_str() {
        "table" => reftable_fuzz::table::check,
        "block" => reftable_fuzz::block::check,
        "list" => reftable_fuzz::list::check,
        "folder" => reftable_fuzz::folder::check,
        "roundtrip" => reftable_fuzz::roundtrip::check,
        "operations" => reftable_fuzz::operations::check,
        _ => return Err(std::io::Error::other("no such target")),
    };
    for file in args {
        println!("{file}");
        check(&std::fs::read(file)?);
    }
    Ok(())
}
