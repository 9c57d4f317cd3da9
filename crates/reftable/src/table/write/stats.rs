//! What a writer counted.

/// Counts of one kind of block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockStats {
    /// Records.
    pub entries: u64,
    /// Restart points.
    pub restarts: u64,
    /// Blocks, without those of the index.
    pub blocks: u64,
    /// Blocks of the section's index, all levels.
    pub index_blocks: u64,
    /// Levels of the section's index; 0 without index.
    pub max_index_level: u32,
    /// Position of the section's first block in bytes; 0 if it starts the file.
    pub offset: u64,
    /// Position of the root of the section's index in bytes; 0 without index.
    pub index_offset: u64,
}

/// Counts of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Blocks of all kinds.
    pub blocks: u64,
    /// The ref section.
    pub refs: BlockStats,
    /// The object section.
    pub objects: BlockStats,
    /// The index blocks of all sections.
    pub index: BlockStats,
    /// The log section.
    pub logs: BlockStats,
    /// Length in bytes of abbreviated object ids; 0 without object section.
    pub object_id_len: u8,
}
