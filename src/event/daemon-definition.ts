import * as z from 'zod';
import { ATTACH_MODES, OPERATIONS } from '../model/config.js';
import { BOOT_ID, count, ecs, host, message, positiveCount, text, timestamp, watchName } from './event-definition.js';
import { DAEMON_ACTIONS, DATASET_DAEMON } from './event-words.js';

/** The definition of the lines in which the record speaks of itself; see event-definition.ts. */

const RUN = /^[0-9a-f]{16}$/;
const only = (action: string) => `Absent unless event.action is "${action}".`;

const watch = z
  .strictObject({
    include: z.array(text).describe('Its patterns, braces expanded.'),
    exclude: z.array(text).describe('Patterns that veto, braces expanded.'),
    view: z.enum(['host', 'process']).describe('Whose paths the patterns speak of.'),
    case_insensitive: z.boolean().describe('true: letters match whatever their case.'),
    operations: z.array(z.enum(OPERATIONS)).describe('The operations that it reports.'),
    failures: z.boolean().describe('true: it reports failed attempts as well.'),
    ignore: z.strictObject({
      processes: z.array(text).describe('Executables whose deletions it leaves out.'),
      users: z.array(text).describe('Users whose deletions it leaves out.'),
      effective_users: z.array(text).describe('Effective users whose deletions it leaves out.'),
    }),
    log: z.boolean().describe('false: it only counts.'),
    fold: z.boolean().describe('true: in a burst it writes summaries only.'),
  })
  .describe(`The watch that rule.name names. ${only('watch')}`);

const changes = z
  .strictObject({
    added: count.describe('The number of watches that are new.'),
    changed: count.describe('The number of watches that mean something else than before.'),
    removed: z.array(watchName).describe('Watches that are gone, the first hundred of them.'),
    removed_count: count.describe('The number of watches that are gone.'),
    settings: z.array(text).describe('Other settings that changed, by their keys.'),
  })
  .describe(`What a reload changed. ${only('reloaded')}`);

const gap = z
  .strictObject({
    run: z.string().regex(RUN).describe('The run before this one.'),
    boot: z
      .string()
      .regex(new RegExp(`^${BOOT_ID}$`))
      .describe('The boot id of that run. Absent when it could not be read then.')
      .exactOptional(),
    sequence: count.describe(
      'The number of the last event that it had written when it was last seen alive; 0 for none.',
    ),
    stopped: z.boolean().describe('true: it was stopped. false: it was killed, or the host went down.'),
  })
  .describe(`The end of the run before. ${only('gap')}`);

const totals = z
  .strictObject({
    seen: count.describe('rmwatch_events_seen_total at the end.'),
    filtered: count.describe('rmwatch_events_filtered_total at the end.'),
    lost: count.describe('rmwatch_events_lost_total at the end, before the last lines are written.'),
    folded: count.describe('rmwatch_events_folded_total at the end.'),
  })
  .describe(`What the run counted. ${only('stopped')}`);

export const daemonSchema = z
  .strictObject({
    '@timestamp': timestamp.describe('When it happened. RFC 3339, UTC, with nanoseconds.'),
    ecs,
    log: z.strictObject({ level: z.enum(['info', 'warn']).describe('"warn" for a gap and for a fallback.') }),
    message: text.describe(message),
    event: z.strictObject({
      kind: z.literal('event').describe('The kind of event.'),
      category: z
        .union([z.tuple([z.literal('process')]), z.tuple([z.literal('configuration')])])
        .describe('"process" for the daemon\'s own start, stop and gap, otherwise "configuration".'),
      type: z
        .union([
          z.tuple([z.literal('start')]),
          z.tuple([z.literal('end')]),
          z.tuple([z.literal('change')]),
          z.tuple([z.literal('info')]),
        ])
        .describe('The type of the event.'),
      action: z
        .enum(DAEMON_ACTIONS)
        .describe(
          'started: deletions are seen from here on. gap: what happened before, and was not seen. watch: a watch that is new or ' +
            'changed, one line each. reloaded: another configuration holds. continued: the first line of a new log file. ' +
            'stopped: no deletion is seen any more.',
        ),
      dataset: z.literal(DATASET_DAEMON).describe('The kind of line.'),
      start: timestamp
        .describe(`The last time at which the run before was seen alive; RFC 3339. ${only('gap')}`)
        .exactOptional(),
      end: timestamp.describe(`The start of this run; RFC 3339. ${only('gap')}`).exactOptional(),
    }),
    host,
    agent: z
      .strictObject({ version: text.describe('The version of rmwatch.') })
      .describe(only('started'))
      .exactOptional(),
    rule: z
      .strictObject({ name: z.tuple([watchName]).describe('The name of the watch.') })
      .describe(only('watch'))
      .exactOptional(),
    rmwatch: z.strictObject({
      run: z.string().regex(RUN).describe('The id of this run of the daemon, another one at each start.'),
      attach: z.enum(ATTACH_MODES).describe('How the kernel is hooked.'),
      attach_wanted: z
        .union([z.enum(['auto', ...ATTACH_MODES]), z.array(z.enum(ATTACH_MODES)).min(2)])
        .describe(`What probe.attach asks for: auto, a mode, or a list of modes. ${only('started')}`)
        .exactOptional(),
      config_hash: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .describe('SHA-256 of the configuration that holds; the same for the same settings, however they are written.'),
      watches: positiveCount
        .describe('The number of watches. Absent in lines of other actions than "started" and "reloaded".')
        .exactOptional(),
      watch: watch.exactOptional(),
      changes: changes.exactOptional(),
      gap: gap.exactOptional(),
      last_sequence: count
        .describe(
          'event.sequence of the last event; 0 for none. Absent unless event.action is "stopped" or "continued".',
        )
        .exactOptional(),
      totals: totals.exactOptional(),
      cut: z
        .array(z.enum(['watch.include', 'watch.exclude', 'watch.ignore']))
        .min(1)
        .describe('Lists that were shortened. Absent unless the line would have more than 48,000 bytes.')
        .meta({ uniqueItems: true })
        .exactOptional(),
    }),
  })
  .meta({
    id: 'daemon',
    description: 'What the record says of itself: who writes it, what is watched, and since when.',
  });
