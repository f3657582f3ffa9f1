import * as z from 'zod';
import { ATTACH_MODES, OPERATIONS } from '../model/config.js';
import {
  count,
  details,
  ecs,
  host,
  message,
  positiveCount,
  process,
  text,
  timestamp,
  user,
  watchName,
} from './event-definition.js';
import { BURST_ACTIONS, BURST_ORIGINS, DATASET_BURST } from './event-words.js';

/** The definition of the lines that tell of a mass deletion; see event-definition.ts. */

const { cgroup, login_uid, application, executable_deleted, args_truncated, args_bytes } = details.shape;
const { container, group } = user;
const NO_PATH = 'Absent when no path is known.';
const counted = (key: string, what: z.ZodString) =>
  z.array(z.strictObject({ [key]: what, count: positiveCount.describe('The number of deletions.') })).min(1);

const operations = z
  .strictObject(
    Object.fromEntries(
      OPERATIONS.map((operation) => [
        operation,
        positiveCount.describe(`Deletions by ${operation}. Absent when there were none.`).exactOptional(),
      ]),
    ) as Record<(typeof OPERATIONS)[number], z.ZodExactOptional<z.ZodInt>>,
  )
  .describe('The deletions by operation.')
  .meta({ minProperties: 1 });

const burst = z
  .strictObject({
    number: positiveCount.describe(
      'Rises by one from burst to burst since the daemon started; the same in all lines of one burst.',
    ),
    by: z
      .enum(BURST_ORIGINS)
      .describe(
        'What the deletions have in common. process: the process. container, cgroup, parent: many processes of one container, of one ' +
          'cgroup (a login session or a service), or with one parent. several: nothing else than the watch.',
      ),
    origin: text
      .describe(
        'The id of the container, the path of the cgroup, or NAME[PID] of the parent. Absent when rmwatch.burst.by is "process" or "several".',
      )
      .exactOptional(),
    threshold: positiveCount.describe('bursts.threshold of the configuration.'),
    window_seconds: z.number().min(1).describe('bursts.window of the configuration.'),
    deletions: positiveCount.describe('All deletions of the burst so far.'),
    operations,
    freed_bytes: count.describe('Bytes of storage that they released. Absent in tracepoint mode.').exactOptional(),
    folded: count.describe('How many of them have no line of their own.'),
    directory: text
      .describe(`The directory that all of them are below; "…" stands for its cut beginning. ${NO_PATH}`)
      .exactOptional(),
    directories: counted('path', text)
      .max(10)
      .describe(`Directories with the most deletions, since the burst was half begun. ${NO_PATH}`)
      .exactOptional(),
    extensions: counted('extension', z.string())
      .max(10)
      .describe(`Extensions of the most names, each with its dot; "" for names without one. ${NO_PATH}`)
      .exactOptional(),
    programs: counted('name', z.string()).max(10).describe('Programs with the most deletions.'),
    at_least: z
      .literal(true)
      .describe('The counts of the lists can be too low, as there were too many different ones. Absent otherwise.')
      .exactOptional(),
    samples: z.array(text).min(1).max(5).describe(`Some of the paths. ${NO_PATH}`).exactOptional(),
  })
  .describe('What is known of the burst so far.');

export const burstSchema = z
  .strictObject({
    '@timestamp': timestamp.describe('When it was noticed. RFC 3339, UTC, with nanoseconds.'),
    ecs,
    log: z.strictObject({
      level: z.enum(['info', 'warn']).describe('"info" when a burst has ended, otherwise "warn".'),
    }),
    message: text.describe(message),
    event: z.strictObject({
      kind: z.literal('alert').describe('The kind of event.'),
      category: z.tuple([z.literal('file')]).describe('The category of the event.'),
      type: z.tuple([z.literal('info')]).describe('The type of the event.'),
      action: z
        .enum(BURST_ACTIONS)
        .describe(
          'mass-deletion-started: the threshold is reached. mass-deletion-continues: every ten seconds. mass-deletion-ended: the ' +
            'window holds less than a tenth of the threshold, the daemon stops, or other settings hold.',
        ),
      dataset: z.literal(DATASET_BURST).describe('The kind of line.'),
      start: timestamp.describe('The first deletion of the burst; RFC 3339.'),
      end: timestamp.describe('Its newest deletion; RFC 3339.'),
    }),
    host,
    process: process.describe('The process whose deletion began the burst, with its thread and its parent.'),
    user: user.user,
    group,
    container,
    rule: z.strictObject({ name: z.tuple([watchName]).describe('The watch.') }),
    rmwatch: z.strictObject({
      burst,
      executable_deleted,
      args_bytes,
      args_truncated,
      login_uid,
      cgroup,
      application,
      cut: details.shape.cut,
      attach: z.enum(ATTACH_MODES).describe('How the kernel is hooked.'),
    }),
  })
  .meta({
    id: 'burst',
    description:
      'A mass deletion: one process, or many that belong together, delete at least bursts.threshold names of a watch within bursts.window. ' +
      'The lines have no event.sequence.',
  });
