import { DELETION_HAS_VICTIM, DELETION_RESULT_KNOWN } from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import type { PathResolver } from './resolved-path.js';

/** A deletion by the daemon itself, for the self-test. */
export interface OwnDeletion {
  readonly operation: number;
  readonly result: number | undefined;
  /** Latin1 view; undefined when unknown. */
  readonly path: string | undefined;
  readonly hasVictim: boolean;
}

/** Reads a record that carries DELETION_SELF. */
export function ownDeletionOf(record: RecordView, paths: PathResolver): OwnDeletion {
  const { place } = paths.resolve(record, undefined);
  return {
    operation: record.operation,
    result: (record.flags & DELETION_RESULT_KNOWN) === 0 ? undefined : record.result,
    path: place === undefined ? undefined : `${place.directory}/${place.name}`,
    hasVictim: (record.flags & DELETION_HAS_VICTIM) !== 0,
  };
}
