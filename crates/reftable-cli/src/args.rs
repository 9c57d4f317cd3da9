//! The command line.

use crate::out::Color;
use clap::{Args, Parser, Subcommand, ValueEnum};
use reftable::fs::Mapping;
use std::ffi::OsString;
use std::path::PathBuf;

const STATUSES: &str = "\
Exit status:
  0  done
  1  the answer is no: no such ref, differences, warnings
  2  wrong usage
  3  damage: a file breaks the format or is missing
  4  somebody else holds a lock, or was faster
  5  anything else that failed
  130  stopped by a signal; what was under way is undone";

/// Look into, check and repair git's reftable storage.
///
/// PATH is a table (a .ref file), the folder of a stack (reftable/), a git directory, a .git file, a
/// snapshot, or a folder in a work tree; the current folder if none is given. To commands about
/// stacks a repository means all its stacks, those of linked worktrees too, unless --stack names
/// one. Commands that read write nothing.
#[derive(Debug, Parser)]
#[command(name = "reftable", version, after_help = STATUSES, max_term_width = 100)]
pub(crate) struct Cli {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub(crate) color: Color,
    /// Read tables instead of mapping them: slower, but nobody who cuts one ends the command. The
    /// same as REFTABLE_MMAP=0.
    #[arg(long, global = true)]
    pub(crate) no_mmap: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    pub(crate) fn mapping(&self) -> Mapping {
        match self.no_mmap {
            true => Mapping::Never,
            false => Mapping::from_env(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ls(Ls),
    Show(Show),
    Log(Log),
    Stat(Stat),
    Dump(Dump),
    Verify(Verify),
    Compact(Compact),
    Clean(Clean),
    Hash(Hash),
    Diff(Diff),
    Snapshot(Snapshot),
    Watch(Watch),
    Unlock(Unlock),
    Repair(Repair),
    Import(Import),
    Export(Export),
    #[command(hide = true)]
    Generate(Generate),
}

/// Which stacks of a repository.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Which {
    /// Only this stack of a repository: main-worktree, or worktrees/NAME of a linked worktree.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<OsString>,
}

/// List refs, one a line: "ID NAME", or "ref: TARGET NAME" for symbolic refs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reftable ls
  reftable ls --prefix refs/tags/ --peel
  reftable ls --points-at 1c800fee065026b163341a2722c46ca32fd88847
  reftable ls --json .git/reftable | jq -r .name")]
pub(crate) struct Ls {
    /// Table, folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Only refs whose names begin with this.
    #[arg(long, default_value = "")]
    pub(crate) prefix: OsString,
    /// Only refs that have this object, or whose tags peel to it.
    #[arg(long, value_name = "ID")]
    pub(crate) points_at: Option<String>,
    /// Also what tags peel to, as lines "ID NAME^{}".
    #[arg(long)]
    pub(crate) peel: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show one ref, and where it leads if it is symbolic.
#[derive(Debug, Args)]
#[command(after_help = "\
A short name is looked up as git does: as it is, then in refs/, refs/tags/, refs/heads/ and
refs/remotes/. @ is HEAD; main-worktree/HEAD and worktrees/NAME/HEAD are those of other worktrees;
FETCH_HEAD and MERGE_HEAD are read from git's files.

Examples:
  reftable show HEAD
  reftable show main ~/src/project
  reftable show --json refs/tags/v1.0")]
pub(crate) struct Show {
    /// The ref.
    #[arg(value_name = "REF")]
    pub(crate) name: OsString,
    /// Table, folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Print nothing but the object id at the end of the chain.
    #[arg(long, conflicts_with = "json")]
    pub(crate) id: bool,
    /// One JSON object for each ref of the chain.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the reflog of a ref, newest entry first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reftable log
  reftable log main -n 10
  reftable log --raw --oldest-first refs/stash")]
pub(crate) struct Log {
    /// The ref.
    #[arg(value_name = "REF", default_value = "HEAD")]
    pub(crate) name: OsString,
    /// Table, folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// At most so many entries.
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(crate) max_count: Option<usize>,
    /// Oldest entry first.
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Lines as git's files in logs/ have them.
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what tables and stacks consist of, and what a compaction would save.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reftable stat
  reftable stat --json .git/reftable/*.ref")]
pub(crate) struct Stat {
    /// Tables, folders or repositories.
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// One JSON object for each table and stack.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Show every record of a table, with its offset.
#[derive(Debug, Args)]
#[command(after_help = "\
Offsets are bytes in the file; in log blocks, which are compressed, bytes of the inflated block.
In front of a record, '*' marks a restart.

Examples:
  reftable dump table.ref
  reftable dump --blocks table.ref
  reftable dump --json table.ref")]
pub(crate) struct Dump {
    /// Table, folder or repository; of the latter all tables.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Blocks without their records.
    #[arg(long)]
    pub(crate) blocks: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Check everything in tables and stacks.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints one finding a line: severity, file, offset, rule, and where `git refs verify` reports the
same, git's message id. Exits with 0 if there is none beyond notes, with 1 if there are warnings,
with 3 if there are errors. The stacks of a repository that were looked at are named on standard
error.

Examples:
  reftable verify
  reftable verify --json /srv/git/project.git
  reftable verify table.ref")]
pub(crate) struct Verify {
    /// Tables, folders or repositories; of the latter also the stacks of linked worktrees.
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Do not show progress, which is shown on a terminal only.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Merge tables, and drop old reflog entries if asked to.
#[derive(Debug, Args)]
#[command(after_help = "\
Without options the newest tables are merged if their sizes call for it, as after every
transaction.

Reflogs expire by the rules of `git gc`: entries of refs/stash stay, a reflog that loses all entries
stays as an empty one, and gc.PATTERN.reflogExpire of the repository goes before the options.

Examples:
  reftable compact --all
  reftable compact --all --expire-before 1700000000 --except 'refs/heads/release/*'
  reftable compact --all --expire-before 1700000000")]
pub(crate) struct Compact {
    /// Folder or repository; of the latter also the stacks of linked worktrees.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Merge all tables into one.
    #[arg(long)]
    pub(crate) all: bool,
    /// Drop reflog entries older than this, in seconds since 1970.
    #[arg(long, value_name = "SECONDS", requires = "all")]
    pub(crate) expire_before: Option<u64>,
    /// Drop reflog entries with a smaller update index.
    #[arg(long, value_name = "INDEX", requires = "all")]
    pub(crate) expire_below: Option<u64>,
    /// Drop none of the refs that fit; * stands for any text. May be given several times.
    #[arg(long, value_name = "PATTERN", requires = "all")]
    pub(crate) except: Vec<OsString>,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Remove files that no list names: what crashes left behind.
#[derive(Debug, Args)]
#[command(after_help = "\
Locks stay: see `reftable unlock`. So do tables that are newer than the list, and files of other
programs.

Examples:
  reftable clean")]
pub(crate) struct Clean {
    /// Folder or repository; of the latter also the stacks of linked worktrees.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Print one digest over all refs, to prove that two stores are equal.
#[derive(Debug, Args)]
#[command(after_help = "\
The digest begins with its version, v2. It is the SHA-256 of all names and values of refs, and
with --logs of all reflogs, each with its length before it, so that no two stores have the same one
because of odd names. A repository has that of all its stacks, which are named on standard error if
there are several. What tags peel to, layout and update indexes do not count.

Examples:
  reftable hash
  reftable hash --stack main-worktree
  test $(reftable hash a.git) = $(reftable hash b.git)")]
pub(crate) struct Hash {
    /// Table, folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Include the reflogs.
    #[arg(long)]
    pub(crate) logs: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Show the refs that differ between two stores, or that changed since an update index.
#[derive(Debug, Args)]
#[command(after_help = "\
Lines begin with '-' (only in OLD), '+' (only in NEW) or '~' (another value). Refs of a linked
worktree are named worktrees/NAME/REF. --since looks at the stack that all worktrees share, or the
one that --stack names: update indexes count in each stack for itself. Exits with 1 if anything
differs.

Examples:
  reftable diff backup.git project.git
  reftable diff --since 1200 .")]
pub(crate) struct Diff {
    /// Table, folder or repository.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Table, folder or repository to compare it with.
    #[arg(value_name = "NEW", required_unless_present = "since")]
    pub(crate) new: Option<PathBuf>,
    /// Show the refs and reflog entries of OLD with a larger update index instead.
    #[arg(long, value_name = "INDEX", conflicts_with = "new")]
    pub(crate) since: Option<u64>,
    /// Only refs whose names begin with this.
    #[arg(long, default_value = "")]
    pub(crate) prefix: OsString,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Copy the stacks as they are at one moment, while others may write.
#[derive(Debug, Args)]
#[command(after_help = "\
DIR gets the folders of a git directory: reftable/, and worktrees/NAME/reftable/ for linked
worktrees. Every stack is copied as it is at one moment. DIR may be given to all commands.

Examples:
  reftable snapshot /backup/refs
  reftable snapshot /backup/refs project.git")]
pub(crate) struct Snapshot {
    /// Where to copy to; must not exist or be empty.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Print what changes as it changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Lines are those of `reftable diff`. What changes back between two looks is not seen. If the stack
goes away, or the repository keeps its refs in another way from then on, the command ends as
`reftable ls` does there; with --wait it says so and goes on once there is a stack again.

Examples:
  reftable watch
  reftable watch --prefix refs/heads/ --json project.git
  reftable watch --count 1 && make")]
pub(crate) struct Watch {
    /// Folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Only refs whose names begin with this.
    #[arg(long, default_value = "")]
    pub(crate) prefix: OsString,
    /// Milliseconds between two looks.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200)]
    pub(crate) interval: u64,
    /// Stop after so many looks that found something.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) count: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Wait if the stack goes away, until it is there again.
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Remove locks that their owners left behind.
#[derive(Debug, Args)]
#[command(after_help = "\
A lock carries no owner. Without --force it is removed only with proof that nobody needs it: it is
older than --older-than, and no process of this machine has any file of the folder open or mapped,
by whatever path. That takes the right to look at all processes (Linux, mostly root): one that
cannot be inspected counts as an owner. From within a container, and on network file systems, others
cannot be seen: there it takes --force. Locks that stay are printed with their age, and the exit
status is 4.

Examples:
  reftable unlock --dry-run
  reftable unlock
  reftable unlock --force")]
pub(crate) struct Unlock {
    /// Folder or repository; of the latter also the stacks of linked worktrees.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Remove the locks without proof.
    #[arg(long)]
    pub(crate) force: bool,
    /// Only tell what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Seconds that a lock must be old.
    #[arg(long, value_name = "SECONDS", default_value_t = crate::unlock::LEAST_AGE)]
    pub(crate) older_than: u64,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Bring damaged stacks back to a state that git reads.
#[derive(Debug, Args)]
#[command(after_help = "\
Sound tables are kept, and what can be read of a damaged one goes into a new table. Where tables are
missing, an unlisted one takes their place if it explains all those around them: it then is what a
compaction made of them. A damaged line of the list stands for the table whose name is closest; only
if no line can be used, the list is made anew from the tables found. Nothing is removed: the files
that are no part of the repaired stack stay in its folder, with `.damaged-` in their names.

The output names the refs and reflogs that are gone or older than they were, as far as that can be
told: by name, or as those between two names. An unlisted table that may never have been committed
is told and not taken, unless --take-unlisted asks for it.

A lock that was left behind is removed as by `reftable unlock`, with proof or --force.

Exit status:
  0  nothing is lost: there was no damage, or everything is back
  1  something is in doubt: possibly deleted, uncertain, or in a table that was not taken
  3  something is lost, or shows an older value; with --dry-run, there is damage

Examples:
  reftable repair --dry-run
  reftable repair --json project.git")]
pub(crate) struct Repair {
    /// Folder or repository; of the latter also the stacks of linked worktrees.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Only tell what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove locks without proof that nobody needs them.
    #[arg(long)]
    pub(crate) force: bool,
    /// Take unlisted tables that fit a gap or the end, though they may never have been committed.
    #[arg(long)]
    pub(crate) take_unlisted: bool,
    /// Print a JSON object for each stack, table and loss.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make stacks of the refs and reflogs of a files repository, or of lines of text.
#[derive(Debug, Args)]
#[command(after_help = "\
SOURCE is a repository whose refs are files, or a text with lines as `reftable export --format text`,
`git for-each-ref`, `git show-ref` or `git ls-remote` print them. DIR gets the folders of a git
directory: reftable/, and worktrees/NAME/reftable/ for linked worktrees. The repository itself is
not changed, and nobody may change it meanwhile. What cannot be taken over is told, and the exit
status is 1.

To make git use what was imported, copy it into the git directory and say so in the configuration:
  cp -R new/. project.git/
  git -C project.git config core.repositoryFormatVersion 1
  git -C project.git config extensions.refStorage reftable

The files stay where they are, and git does not look at them any more.

Examples:
  reftable import project.git new
  git ls-remote origin | reftable import - new")]
pub(crate) struct Import {
    /// Repository, or file of lines; '-' is standard input.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,
    /// Where to write; must not exist or be empty.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The hash of the ids in a text.
    #[arg(long, value_enum, default_value = "sha1")]
    pub(crate) object_format: ObjectFormat,
    /// Do not show progress, which is shown on a terminal only.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ObjectFormat {
    Sha1,
    Sha256,
}

/// Write refs as git's files have them, or as text.
#[derive(Debug, Args)]
#[command(after_help = "\
packed-refs has no place for symbolic refs and root refs such as HEAD, which are named on standard
error. files writes packed-refs, the other refs as files, and logs/ into the folder --output, and
worktrees/NAME/ for linked worktrees; the other forms have the refs that PATH sees. Refs
that git refuses for their names or targets are left out and told, and the exit status is 1.

Examples:
  reftable export > packed-refs
  reftable export --format text project.git
  reftable export --format files --output dir project.git")]
pub(crate) struct Export {
    /// Table, folder or repository.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// The form.
    #[arg(long, value_enum, default_value = "packed-refs")]
    pub(crate) format: ExportFormat,
    /// Where to write, instead of standard output; must not exist.
    #[arg(long, short, value_name = "PATH", required_if_eq("format", "files"))]
    pub(crate) output: Option<PathBuf>,
    /// Do not show progress, which is shown on a terminal only.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One file of refs.
    PackedRefs,
    /// Lines that `reftable import` reads.
    Text,
    /// A folder like a git directory.
    Files,
}

/// Write man pages and shell completions into a folder.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// What to write.
    #[arg(value_enum)]
    pub(crate) what: Generated,
    /// The folder, which must exist.
    pub(crate) dir: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Generated {
    /// One page for the tool and one for each command.
    Man,
    /// For bash, zsh, fish, elvish and PowerShell.
    Completions,
}

#[cfg(test)]
mod tests;
