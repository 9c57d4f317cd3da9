//! One table, from its first block to its last.

use super::Finding;
use super::index::{self, IndexBlock};
use crate::block::{Block, Inflater, Records};
use crate::error::{Defect, Error};
use crate::format::key::KeyHead;
use crate::format::{BlockType, Cursor, Flaw, Parse};
use crate::record::{Context, Index, Kind as RecordKind, Logs, Objs, RefRecord, RefValue, Refs};
use crate::table::Table;
use std::collections::BTreeMap;

/// So many findings about a table are told: a damaged file may have one in every few bytes.
const MAX_FINDINGS: usize = 500;

/// What a walk over the blocks of one section gave.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Last key and position of each block, in the order of the file.
    pub(super) leaves: Vec<(Vec<u8>, u64)>,
    /// The blocks of the index after it, in the order of the file.
    pub(super) index: Vec<IndexBlock>,
    /// Whether a block could not be read to its end, so that nothing can be compared with it.
    damaged: bool,
}

/// A walk over all blocks of a table.
struct Walk<'a> {
    table: &'a Table,
    context: Context,
    findings: Vec<Finding>,
    refs: Records<Refs>,
    objs: Records<Objs>,
    logs: Records<Logs>,
    /// Sections in the order in which they may come.
    sections: [(BlockType, Walked); 3],
    /// The section of the last block, and whether that was an index block.
    stage: Option<(usize, bool)>,
    /// Ref blocks by abbreviated id, as far as no object record has named them.
    ids: BTreeMap<Vec<u8>, Vec<u64>>,
}

fn no_sections() -> [(BlockType, Walked); 3] {
    [BlockType::Ref, BlockType::Obj, BlockType::Log].map(|kind| (kind, Walked::default()))
}

/// Checks the blocks of a table that was opened.
pub(super) fn check(table: &Table) -> Vec<Finding> {
    let mut walk = Walk {
        table,
        context: table.context(),
        findings: Vec::new(),
        refs: Records::default(),
        objs: Records::default(),
        logs: Records::default(),
        sections: no_sections(),
        stage: None,
        ids: BTreeMap::new(),
    };
    table.expect_scan();
    match walk.blocks() {
        // With that much wrong, nothing is left to compare.
        Ok(()) if walk.findings.len() >= MAX_FINDINGS => {}
        Ok(()) => walk.compare(),
        Err(error) => walk.findings.push(Finding::error(table.name(), &error)),
    }
    walk.findings
}

impl Walk<'_> {
    fn found(&mut self, offset: u64, defect: Defect, detail: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            let finding = Finding::defect(self.table.name(), offset, defect, Some(detail.into()));
            self.findings.push(finding);
        }
    }

    /// Where the first block starts; `None` in an empty table.
    fn start(&self) -> Option<u64> {
        let start = |kind| self.table.section(kind).map(|section| section.start);
        // Logs alone start after the header, whatever the footer says, but for the form in which
        // their first block counts the header.
        let behind_header = self.table.header_len() as u64;
        start(BlockType::Ref).or_else(|| Some(start(BlockType::Log)?.min(behind_header)))
    }

    /// Goes over all blocks. An error here means that the next block cannot be found.
    fn blocks(&mut self) -> Result<(), Error> {
        let mut inflater = Inflater::default();
        let mut position = self.start();
        let mut before: Option<(BlockType, u64)> = None;
        while let (Some(start), true) = (position, self.findings.len() < MAX_FINDINGS) {
            let block = self.table.any_block_at(start, &mut inflater)?;
            self.enter_stage(&block);
            self.check_place(&block, before);
            if let Err(flaw) = self.records(&block) {
                let error = block.error(self.table.name(), flaw);
                self.findings
                    .push(Finding::error(self.table.name(), &error));
                self.forget_order();
                if let Some((_, walked)) = self.current() {
                    walked.damaged = true;
                }
            }
            position = self.table.position_after(&block)?;
            before = self
                .expected_after(&block, position)
                .map(|at| (block.kind, at));
        }
        Ok(())
    }

    /// Where the next block of a section starts by the block size: at once if there are no zeros after
    /// the block, else after as many bytes as a block has.
    fn expected_after(&self, block: &Block, next: Option<u64>) -> Option<u64> {
        let size = u64::from(self.table.block_size());
        match (block.kind, size) {
            (BlockType::Log, _) | (_, 0) => None,
            _ if block.stored_len < size && next == Some(block.end()) => next,
            _ => block.place.position.checked_add(size),
        }
    }

    /// Some readers go by the block size alone from block to block, and skip blocks if it is wrong.
    fn check_place(&mut self, block: &Block, before: Option<(BlockType, u64)>) {
        let (position, size) = (block.place.position, self.table.block_size());
        let is_elsewhere = before.is_some_and(|(kind, at)| kind == block.kind && at != position);
        if is_elsewhere {
            let detail = format!("the block size, {size} bytes, does not fit");
            self.found(position, Defect::BadBlockLen, detail);
        }
    }

    /// After a damaged block the next key cannot be compared with the last one.
    fn forget_order(&mut self) {
        self.refs = Records::default();
        self.objs = Records::default();
        self.logs = Records::default();
    }

    fn current(&mut self) -> Option<&mut (BlockType, Walked)> {
        let (section, _) = self.stage?;
        self.sections.get_mut(section)
    }

    /// Checks that sections come in their order, each once, each followed by its index.
    fn enter_stage(&mut self, block: &Block) {
        let number = |kind| {
            self.sections
                .iter()
                .position(|(section, _)| *section == kind)
        };
        let next = match (block.kind, self.stage) {
            (BlockType::Index, Some((section, _))) => Some((section, true)),
            (BlockType::Index, None) => None,
            (kind, _) => number(kind).map(|section| (section, false)),
        };
        if next.is_none() || next < self.stage {
            let detail = "section out of order";
            self.found(block.place.position, Defect::BadBlockType, detail);
        }
        self.stage = next.or(self.stage);
    }

    fn records(&mut self, block: &Block) -> Parse<()> {
        let position = block.place.position;
        let last_key = match block.kind {
            BlockType::Ref => self.ref_records(block)?,
            BlockType::Obj => self.obj_records(block)?,
            BlockType::Log => {
                let context = self.context;
                read_all(block, &mut self.logs, &context, |_, _| Ok(()))?;
                self.logs.key().to_vec()
            }
            BlockType::Index => {
                let mut entries = Vec::new();
                let mut records = Records::<Index>::default();
                read_all(block, &mut records, &self.context, |(key, position), _| {
                    entries.push((key.to_vec(), position));
                    Ok(())
                })?;
                if let Some((_, walked)) = self.current() {
                    walked.index.push(IndexBlock { position, entries });
                }
                return Ok(());
            }
        };
        if let Some((_, walked)) = self.current() {
            walked.leaves.push((last_key, position));
        }
        Ok(())
    }

    fn ref_records(&mut self, block: &Block) -> Parse<Vec<u8>> {
        let position = block.place.position;
        let (ids, id_len) = (&mut self.ids, self.table.object_id_len());
        read_all(block, &mut self.refs, &self.context, |record, _| {
            let Some(id_len) = id_len else {
                return Ok(());
            };
            for id in mentioned(&record).into_iter().flatten() {
                let short = id.get(..id_len).unwrap_or(id);
                let positions = ids.entry(short.to_vec()).or_default();
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
            Ok(())
        })?;
        Ok(self.refs.key().to_vec())
    }

    fn obj_records(&mut self, block: &Block) -> Parse<Vec<u8>> {
        let refs_known = self.sections.iter().all(|(_, walked)| !walked.damaged);
        let ids = &mut self.ids;
        let mut wrong = Vec::new();
        read_all(
            block,
            &mut self.objs,
            &self.context,
            |(key, mut listed), at| {
                let mut positions = Vec::new();
                while let Some(position) = listed.next()? {
                    positions.push(position);
                }
                match ids.remove(key) {
                    None => wrong.push((at, "no ref has such an id")),
                    // An empty list stands for any.
                    Some(_) if positions.is_empty() => {}
                    Some(blocks) if blocks == positions => {}
                    Some(_) => wrong.push((at, "other ref blocks mention the id")),
                }
                Ok(())
            },
        )?;
        for (at, detail) in wrong {
            if refs_known {
                let offset = block.place.position.saturating_add(at as u64);
                self.found(offset, Defect::BadObjPositions, detail);
            }
        }
        Ok(self.objs.key().to_vec())
    }

    /// Compares what was found with what the footer and the indexes say.
    fn compare(&mut self) {
        let sections = std::mem::replace(&mut self.sections, no_sections());
        let damaged = sections.iter().any(|(_, walked)| walked.damaged);
        for (kind, walked) in &sections {
            self.compare_section(*kind, walked);
        }
        let objects = self.table.section(BlockType::Obj);
        if let (Some(section), false) = (objects, damaged || self.ids.is_empty()) {
            let detail = format!("{} ids of refs are missing", self.ids.len());
            self.found(section.start, Defect::BadObjPositions, detail);
        }
    }

    fn compare_section(&mut self, kind: BlockType, walked: &Walked) {
        let first = walked.leaves.first().map(|(_, position)| *position);
        let section = self.table.section(kind);
        if walked.damaged {
            return;
        }
        let start = section.map(|section| section.start);
        if start != first {
            let offset = start.or(first).unwrap_or_default();
            self.found(offset, Defect::BadPosition, "footer and section disagree");
            return;
        }
        let root = section.and_then(|section| section.index);
        if let Err(error) = index::check(walked, root) {
            self.found(error.offset, error.defect, error.detail);
        }
    }
}

/// The ids that a ref has.
fn mentioned<'a>(record: &RefRecord<'a>) -> [Option<&'a [u8]>; 2] {
    match record.value {
        RefValue::Object(id) => [Some(id), None],
        RefValue::Peeled { id, peeled } => [Some(id), Some(peeled)],
        RefValue::Deletion | RefValue::Symref(_) => [None, None],
    }
}

/// Decodes all records of a block and gives them to `each`, with their offsets. Checks that exactly
/// the restarts are starts of records, and that keys stand there in full.
fn read_all<K: RecordKind>(
    block: &Block,
    records: &mut Records<K>,
    context: &Context,
    mut each: impl FnMut(K::Record<'_>, usize) -> Parse<()>,
) -> Parse<()> {
    block.check_restarts()?;
    records.enter(block);
    let mut restart = 0;
    loop {
        let offset = records.next_offset();
        if restart < block.restart_count {
            let due = block.restart(restart)?;
            let flaw = |defect| Flaw {
                defect,
                offset: due,
            };
            if due < offset {
                return Err(flaw(Defect::BadRestart));
            }
            if due == offset {
                restart = restart.saturating_add(1);
                let mut cursor = Cursor::at(block.records(), offset);
                if KeyHead::read(&mut cursor)?.prefix != 0 {
                    return Err(flaw(Defect::BadPrefix));
                }
            }
        }
        if !records.advance(block, context)? {
            return Ok(());
        }
        each(records.record(block, context), offset)?;
    }
}
