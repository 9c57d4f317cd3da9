//! Random damage to stacks, held against the undamaged ones.
//!
//! `REPAIR_ROUNDS` says how many damages (a few hundred if not set), `REPAIR_SEED` from which seed
//! on. A failure names the seed of its round: `REPAIR_SEED=N REPAIR_ROUNDS=1` repeats it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "test code; the numbers are told"
)]

mod check;
mod damage;
mod folder;
mod scenes;

use test_support::rng::Rng;

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

#[test]
fn what_random_damage_costs_is_told_and_nothing_else_changes() {
    let first = number("REPAIR_SEED", 1);
    let rounds = number("REPAIR_ROUNDS", 250);
    let foreign = scenes::foreign();
    let (mut hidden, mut failed) = (0, Vec::new());
    for seed in first..first + rounds {
        let mut rng = Rng::new(seed);
        let scene = match rng.one_in(2) {
            true => rng.pick(&foreign).clone(),
            false => scenes::own(&mut rng),
        };
        let damaged = damage::damage(&scene, &mut rng);
        if check::is_hidden(&damaged) || check::is_traceless(&scene, &damaged) {
            hidden += 1;
            continue;
        }
        let what = format!("seed {seed}: {}: {:?}", scene.name, damaged.told);
        let checked = std::panic::catch_unwind(|| check::check(&scene, &damaged, &what));
        if checked.is_err() {
            failed.push(seed);
        }
    }
    println!(
        "{rounds} damages, {hidden} of them not to be told, {} failed",
        failed.len()
    );
    assert!(failed.is_empty(), "seeds {failed:?}");
}
