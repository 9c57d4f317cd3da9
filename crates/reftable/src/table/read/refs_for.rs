//! Refs by object id (format section 14.7).

use super::SectionIter;
use crate::block::{Block, Inflater, Records};
use crate::error::{Defect, Error, Result};
use crate::format::{BlockType, Parse};
use crate::record::{Context, Kind, Objs, RefRecord, Refs};
use crate::table::Table;
use memchr::memmem::Finder;
use std::sync::Arc;

/// The refs of one table whose object id or peeled id is a given one, in the order of names.
///
/// Keeps its table alive. After an error, every further step gives that error again.
#[derive(Debug)]
pub struct RefsFor {
    /// Looks for the id in the bytes of a block.
    finder: Box<Finder<'static>>,
    refs: Candidates,
}

/// Where the refs are looked for.
#[derive(Debug)]
enum Candidates {
    All(SectionIter<Refs>),
    Blocks(BlockRefs),
}

/// The refs of some blocks.
#[derive(Debug)]
struct BlockRefs {
    table: Arc<Table>,
    positions: std::vec::IntoIter<u64>,
    block: Option<Block>,
    records: Records<Refs>,
    failed: Option<Error>,
}

impl RefsFor {
    pub(in crate::table) fn new(table: &Arc<Table>, id: &[u8]) -> Result<RefsFor> {
        if id.len() != table.hash().len() {
            return Err(Error::Misuse("object id of the wrong length"));
        }
        let refs = match object_positions(table, id)? {
            Some(positions) => Candidates::Blocks(BlockRefs {
                table: Arc::clone(table),
                positions: positions.into_iter(),
                block: None,
                records: Records::default(),
                failed: None,
            }),
            None => {
                let mut all = SectionIter::new(table);
                all.seek(b"")?;
                Candidates::All(all)
            }
        };
        Ok(RefsFor {
            finder: Box::new(Finder::new(id).into_owned()),
            refs,
        })
    }

    /// The next ref; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    pub fn next(&mut self) -> Result<Option<RefRecord<'_>>> {
        loop {
            let more = match &mut self.refs {
                Candidates::All(all) => all.advance()?,
                Candidates::Blocks(blocks) => blocks.advance(&self.finder)?,
            };
            if !more {
                return Ok(None);
            }
            if self
                .current()
                .is_some_and(|found| found.value.ids().any(|id| id == self.finder.needle()))
            {
                return Ok(self.current());
            }
        }
    }

    fn current(&self) -> Option<RefRecord<'_>> {
        match &self.refs {
            Candidates::All(all) => Some(all.record()),
            Candidates::Blocks(blocks) => {
                let block = blocks.block.as_ref()?;
                Some(blocks.records.record(block, &blocks.table.context()))
            }
        }
    }
}

impl BlockRefs {
    /// Goes to the next record that may mention the id.
    fn advance(&mut self, id: &Finder<'_>) -> Result<bool> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        let result = self.try_advance(id);
        if let Err(error) = &result {
            self.failed = Some(error.again());
        }
        result
    }

    fn try_advance(&mut self, id: &Finder<'_>) -> Result<bool> {
        loop {
            if let Some(block) = &self.block {
                let flaw = |flaw| block.error(self.table.name(), flaw);
                let context = self.table.context();
                if advance_to(&mut self.records, block, id, &context).map_err(flaw)? {
                    return Ok(true);
                }
            }
            let Some(position) = self.positions.next() else {
                self.block = None;
                return Ok(false);
            };
            let block = self.load(position)?;
            self.records.enter(&block);
            self.block = Some(block);
        }
    }

    fn load(&self, position: u64) -> Result<Block> {
        let bad = || self.table.corrupt(position, Defect::BadObjPositions);
        if position >= self.table.blocks_end() {
            return Err(bad());
        }
        let loaded = self.table.any_block_at(position, &mut Inflater::default());
        match loaded {
            Ok(block) if block.kind == BlockType::Ref => Ok(block),
            Ok(_) | Err(Error::Corrupt(_)) => Err(bad()),
            Err(error) => Err(error),
        }
    }
}

/// Goes to the next record of a block in which `id` occurs; false if there is none.
///
/// Only the records from the restart before an occurrence on are decoded.
fn advance_to(
    records: &mut Records<Refs>,
    block: &Block,
    id: &Finder<'_>,
    context: &Context,
) -> Parse<bool> {
    let from = records.next_offset();
    let rest = block.records().get(from..).unwrap_or_default();
    let Some(at) = id.find(rest) else {
        return Ok(false);
    };
    let occurrence = from.saturating_add(at);
    let restart = block.restart_at(occurrence)?;
    if restart > from {
        records.enter_at(restart);
    }
    while records.advance(block, context)? {
        if records.next_offset() > occurrence {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Positions of the ref blocks that mention `id`; `None` if all have to be looked at.
fn object_positions(table: &Arc<Table>, id: &[u8]) -> Result<Option<Vec<u64>>> {
    let Some(id_len) = table.object_id_len() else {
        return Ok(None);
    };
    let key = id.get(..id_len).unwrap_or(id);
    let mut inflater = Inflater::default();
    let context = table.context();
    let mut leaf = table.leaf_for::<Objs>(key, &mut inflater)?;
    while let Some(block) = leaf {
        let flaw = |flaw| block.error(table.name(), flaw);
        if let Some(found) = block.locate::<Objs>(key, &context).map_err(flaw)? {
            if !found.exact {
                return Ok(Some(Vec::new()));
            }
            if found.span.count == 0 {
                return Ok(None);
            }
            let (_, mut listed) = Objs::record(key, found.span, block.records(), &context);
            let mut positions = Vec::new();
            while let Some(position) = listed.next().map_err(flaw)? {
                positions.push(position);
            }
            return Ok(Some(positions));
        }
        leaf = table.next_block(&block, BlockType::Obj, &mut inflater)?;
    }
    Ok(Some(Vec::new()))
}
