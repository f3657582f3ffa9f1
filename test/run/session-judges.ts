/** Which judge a session has, and what that promises. */
import type { Check } from '../guest/scenarios/checks.js';
import type { ContentionRecording } from '../guest/scenarios/contention.js';
import { DIFFERENTIAL_CHECKS, judgeDifferential } from '../guest/scenarios/differential/judge.js';
import type { DifferentialRecording } from '../guest/scenarios/differential/recording.js';
import type { FaultsRecording } from '../guest/scenarios/faults.js';
import { contentionChecks, judgeContention } from '../guest/scenarios/judge-contention.js';
import { DELETIONS_CHECKS, judgeDeletions } from '../guest/scenarios/judge-deletions.js';
import { FAULTS_CHECKS, judgeFaults } from '../guest/scenarios/judge-faults.js';
import { HIDING_CHECKS, judgeHiding } from '../guest/scenarios/judge-hiding.js';
import { casesCheck, judgeWorkload, WORKLOAD_CHECKS } from '../guest/scenarios/judge-workload.js';
import type { DeletionsRecording, HidingRecording, RowSession, WorkloadRecording } from '../guest/scenarios/plan.js';
import { SessionRecord } from '../guest/scenarios/record-files.js';

/** The checks that a session must come to. */
export function checkNames(session: RowSession): string[] {
  switch (session.kind) {
    case 'deletions':
      return [...DELETIONS_CHECKS];
    case 'workload':
      return [...session.filesystems.map(casesCheck), ...WORKLOAD_CHECKS];
    case 'hiding':
      return [...HIDING_CHECKS];
    case 'contention':
      return [...contentionChecks(session.mode)];
    case 'faults':
      return [...FAULTS_CHECKS];
    case 'differential':
      return [...DIFFERENTIAL_CHECKS];
  }
}

/** Judges what a session left below `outputDir`. Throws when the records cannot be read. */
export function judgeRecords(session: RowSession, outputDir: string): Check[] {
  switch (session.kind) {
    case 'deletions':
      return judgeDeletions(session, new SessionRecord<DeletionsRecording>(outputDir, session.name));
    case 'workload':
      return judgeWorkload(session, new SessionRecord<WorkloadRecording>(outputDir, session.name));
    case 'hiding':
      return judgeHiding(session, new SessionRecord<HidingRecording>(outputDir, session.name));
    case 'contention':
      return judgeContention(session, new SessionRecord<ContentionRecording>(outputDir, session.name));
    case 'faults':
      return judgeFaults(session, new SessionRecord<FaultsRecording>(outputDir, session.name));
    case 'differential':
      return judgeDifferential(session, new SessionRecord<DifferentialRecording>(outputDir, session.name));
  }
}
