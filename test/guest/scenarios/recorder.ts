/**
 * Runs in a guest: does what the plan says under a daemon for each session, and records. Nothing is judged here: the
 * records leave the guest on a disk, and the judges on the host compare. One result line for each session says how long
 * its parts took.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Daemon, type DaemonConfig } from '../../lib/daemon.js';
import { recordFlavours } from '../../service/guest/record-flavours.js';
import { recordService } from '../../service/guest/record-service.js';
import { differentialConfig, recordDifferential } from './differential/record.js';
import { PLAN_FILE, RECORDS, type Session, type SessionOfOneDaemon, type SessionReport, STAGE } from './plan.js';
import { recordContention } from './record-contention.js';
import { deletionsConfig, recordDeletions } from './record-deletions.js';
import { faultsConfig, recordFaults } from './record-faults.js';
import { hidingConfig, recordHiding } from './record-hiding.js';
import { recordWorkload, workloadConfig } from './record-workload.js';

function configOf(session: SessionOfOneDaemon): DaemonConfig {
  switch (session.kind) {
    case 'deletions':
      return deletionsConfig(session);
    case 'workload':
      return workloadConfig(session);
    case 'hiding':
      return hidingConfig;
    case 'faults':
      return faultsConfig;
    case 'differential':
      return differentialConfig;
  }
}

async function record(session: Session): Promise<SessionReport> {
  const began = performance.now();
  let partBegan = began;
  const parts: Record<string, number> = {};
  const part = (name: string) => {
    parts[name] = Math.round((performance.now() - partBegan) / 10) / 100;
    partBegan = performance.now();
  };
  const directory = path.join(RECORDS, session.name);
  fs.mkdirSync(directory, { recursive: true });
  const recording = await recordSession(session, directory, part);
  fs.writeFileSync(path.join(directory, 'recording.json'), JSON.stringify(recording));
  return { session: session.name, seconds: Math.round((performance.now() - began) / 10) / 100, parts };
}

function recordSession(session: Session, directory: string, part: (name: string) => void): Promise<unknown> {
  switch (session.kind) {
    case 'contention':
      return recordContention(session, directory, part);
    case 'service':
      return recordService(session, directory, part);
    case 'flavours':
      return recordFlavours(session, directory, part);
    default:
      return recordUnderDaemon(session, directory, part);
  }
}

function recordUnderDaemon(
  session: SessionOfOneDaemon,
  directory: string,
  part: (name: string) => void,
): Promise<unknown> {
  const program = [`${STAGE}/usr/bin/rmwatch`];
  const daemon = new Daemon({
    program,
    attach: session.mode,
    config: configOf(session),
    directory,
    isContained: session.kind === 'hiding' && session.isContained,
  });
  switch (session.kind) {
    case 'deletions':
      return recordDeletions(session, daemon, part);
    case 'workload':
      return recordWorkload(session, daemon, part);
    case 'hiding':
      return recordHiding(session, daemon, part);
    case 'faults':
      return recordFaults(session, daemon, part);
    case 'differential':
      return recordDifferential(session, daemon, part);
  }
}

const results = fs.openSync(process.env['RMWATCH_RESULTS'] ?? '/dev/stdout', 'a');
const sessions: readonly Session[] = JSON.parse(fs.readFileSync(PLAN_FILE, 'utf8'));
for (const session of sessions) fs.writeSync(results, `${JSON.stringify(await record(session))}\n`);
