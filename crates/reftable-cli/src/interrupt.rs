//! Signals: locks and unfinished tables must not outlive the process.

use std::io;

/// The exit status of a process that was stopped by a signal.
const STOPPED: i32 = 130;

/// Has every signal that would end the process undo first what is under way.
#[cfg(unix)]
pub(crate) fn clean_up_on_signals() -> io::Result<()> {
    use signal_hook::consts::signal::{
        SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
        SIGXFSZ,
    };
    // A file that has become too long is an error of the write, which is undone and reported.
    signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default())?;
    let mut signals = signal_hook::iterator::Signals::new([
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGXCPU,
    ])?;
    std::thread::Builder::new().spawn(move || {
        if signals.forever().next().is_some() {
            stop();
        }
    })?;
    Ok(())
}

/// Elsewhere the system tells of less.
#[cfg(not(unix))]
pub(crate) fn clean_up_on_signals() -> io::Result<()> {
    ctrlc::set_handler(stop).map_err(io::Error::other)
}

fn stop() {
    reftable::fs::remove_pending_files();
    std::process::exit(STOPPED);
}
