import { DELETION_HAS_VICTIM, DELETION_RESULT_KNOWN, OPERATION_MOVE } from '../probe/record-layout.generated.js';
import type { RecordView } from '../probe/record-view.js';
import type { PathResolver, ResolvedPath } from './resolved-path.js';

/** A deletion by the daemon itself, for the self-test. */
export interface OwnDeletion {
  readonly operation: number;
  readonly result: number | undefined;
  /** Latin1 view; undefined when unknown. */
  readonly path: string | undefined;
  /** Where a move has led to, likewise. */
  readonly movedTo: string | undefined;
  readonly hasVictim: boolean;
}

/** Reads a record that carries DELETION_SELF. */
export function ownDeletionOf(record: RecordView, paths: PathResolver): OwnDeletion {
  const pathOf = (resolved: ResolvedPath | undefined) => {
    const place = resolved?.place;
    return place === undefined ? undefined : `${place.directory}/${place.name}`;
  };
  return {
    operation: record.operation,
    result: (record.flags & DELETION_RESULT_KNOWN) === 0 ? undefined : record.result,
    path: pathOf(paths.resolve(record, undefined)),
    movedTo: record.operation === OPERATION_MOVE ? pathOf(paths.resolveTarget(record, undefined)) : undefined,
    hasVictim: (record.flags & DELETION_HAS_VICTIM) !== 0,
  };
}
