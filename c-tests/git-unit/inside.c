/*
 * What git's unit tests call beside the public functions, for the suites that look into none of the
 * structs. Compiled with git's headers by scripts/check-git-units.
 */
#include "git-compat-util.h"
#include "reftable/constants.h"
#include "reftable/iter.h"
#include "reftable/merged.h"
#include "reftable/record.h"
#include "reftable/reftable-error.h"
#include "reftable/reftable-merged.h"

int merged_table_init_iter(struct reftable_merged_table *mt, struct reftable_iterator *it,
			   uint8_t type)
{
	if (type == REFTABLE_BLOCK_TYPE_LOG)
		return reftable_merged_table_init_log_iterator(mt, it);
	return reftable_merged_table_init_ref_iterator(mt, it);
}

int iterator_next(struct reftable_iterator *it, struct reftable_record *record)
{
	switch (record->type) {
	case REFTABLE_BLOCK_TYPE_REF:
		return reftable_iterator_next_ref(it, &record->u.ref);
	case REFTABLE_BLOCK_TYPE_LOG:
		return reftable_iterator_next_log(it, &record->u.log);
	default:
		/* No public function hands out what is in an index. */
		return REFTABLE_API_ERROR;
	}
}
