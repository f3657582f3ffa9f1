import * as z from 'zod';
import { ATTACH_MODES, OPERATIONS } from '../model/config.js';
import { ECS_VERSION } from '../model/ecs.js';
import { LOSS_REASONS, type LossReason } from '../model/pipeline-counts.js';
import { DELETION_RULES, DETAILS_RULES, FILE_RULES, PROCESS_RULES } from './event-rules.js';
import { DATASET_DELETION, DATASET_PROCESS, FILE_TYPES, VIAS } from './event-words.js';

/**
 * The definition of every line of the event log. The TypeScript types (deletion-event.ts), config/event.schema.json and
 * docs/fields.md come from it and from daemon-definition.ts: `npm run schemas:generate`. A description says what the value means and, for a field that may be
 * absent, when it is absent. The daemon does not load this module: its encoder writes JSON by hand, and tests hold its lines
 * against the schema and its fields against this list.
 */

export const text = z.string().min(1).meta({ id: 'text' });
const absolutePath = z.string().regex(/^\//).meta({ id: 'absolutePath' });
export const count = z.int().min(0).meta({ id: 'count' });
export const positiveCount = z.int().min(1).meta({ id: 'positiveCount' });
export const watchName = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/);
export const numericId = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,19})$/)
  .meta({ id: 'numericId' });
const base64 = z
  .string()
  .regex(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
  .meta({ id: 'base64' });
const someBase64 = z
  .string()
  .min(4)
  .regex(/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/)
  .meta({ id: 'someBase64' });

const MONTH_TO_SECONDS = String.raw`-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z$`;
export const timestamp = z
  .string()
  .regex(new RegExp(`^[0-9]{4}${MONTH_TO_SECONDS}`))
  .meta({ id: 'timestamp', description: 'RFC 3339, UTC, with nanoseconds.' });

export const BOOT_ID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

export const ecs = z
  .strictObject({
    version: z.literal(ECS_VERSION).describe('The version of the Elastic Common Schema that the names follow.'),
  })
  .meta({ id: 'ecs' });

export const host = z
  .strictObject({
    name: text.describe('The host name, of the UTS namespace of the daemon.'),
    boot: z
      .strictObject({
        id: z
          .string()
          .regex(new RegExp(`^${BOOT_ID}$`))
          .describe('The boot id of the kernel.'),
      })
      .describe('Absent when the boot id cannot be read.')
      .exactOptional(),
  })
  .meta({ id: 'host' });

const level = <const T extends string>(name: T) =>
  z.strictObject({ level: z.literal(name).describe('"error" when events were lost, otherwise "info".') });

export const message = 'The event in one sentence for people.';

const file = z
  .strictObject({
    path: text.describe(
      'The resolved, absolute path in the mount namespace of the process. When rmwatch.path_complete is false, its best known end.',
    ),
    name: z.string().describe('The last name of the path. Absent when the line was cut.').exactOptional(),
    directory: text
      .describe('The path without its last name. Absent when the path has none, or when the line was cut.')
      .exactOptional(),
    type: z
      .enum(FILE_TYPES)
      .describe('What the name stood for. Absent with the inode, and for a mode that has no known type.')
      .exactOptional(),
    inode: numericId.describe('Absent in tracepoint mode, and when the attempt did not reach a file.').exactOptional(),
    device: z
      .string()
      .regex(/^(0|[1-9][0-9]*):(0|[1-9][0-9]*)$/)
      .describe('The filesystem as major:minor, as /proc/PID/mountinfo has it. Absent with the inode.')
      .exactOptional(),
    uid: numericId
      .describe(
        'The user id of the owner in the filesystem. An idmapped mount can show another one, rmwatch.mount_uid. Absent with the inode.',
      )
      .exactOptional(),
    gid: numericId
      .describe(
        'The group id of the owner in the filesystem. An idmapped mount can show another one, rmwatch.mount_gid. Absent with the inode.',
      )
      .exactOptional(),
    mode: z
      .string()
      .regex(/^[0-7]{4}$/)
      .describe('The permission bits in octal, four digits. Absent with the inode.')
      .exactOptional(),
    size: count
      .describe(
        'Bytes. Absent with the inode, for directories, whose size is filesystem-specific, and from 2^53 on, where readers of ' +
          'JSON round.',
      )
      .exactOptional(),
    mtime: timestamp
      .describe('The last modification. RFC 3339. Absent with the inode, and for years outside of 0001 to 9999.')
      .exactOptional(),
  })
  .meta({ id: 'file', ...FILE_RULES });

const processFields = {
  pid: positiveCount.describe('The process id in the first pid namespace.'),
  entity_id: z
    .string()
    .regex(new RegExp(`^${BOOT_ID}/[1-9][0-9]*/[0-9]+$`))
    .meta({
      id: 'entityId',
      description:
        'BOOT/PID/START, the same in all lines of one process and of no other one. START is in nanoseconds since boot. ' +
        'Absent when the boot id or the process is not known.',
    })
    .exactOptional(),
  executable: absolutePath
    .describe('The path of the executable, as /proc/PID/exe has it. Absent when it is not known as a whole.')
    .exactOptional(),
  args_count: count
    .describe(
      'The number of all arguments, also where process.args has only some of them or log.process_args is off. Where the kernel ' +
        'side takes only the first 4 KiB, it is the number that the program was started with, as the memory of the process ' +
        'says: a process can write over that. Absent when it cannot be read or cannot be right.',
    )
    .exactOptional(),
};
const args = z.array(z.string());
const START = 'When the process started; RFC 3339.';

export const process = z
  .strictObject({
    ...processFields,
    thread: z.strictObject({ id: positiveCount.describe('The thread id in the first pid namespace.') }),
    name: z.string().describe('The name of the thread (comm), at most 15 bytes.'),
    group: z
      .strictObject({ id: numericId.describe('The effective group id of the process.') })
      .describe('Absent when it is the real group, group.id.')
      .exactOptional(),
    args: args
      .describe(
        'The first arguments, or the title that the process has given itself, as /proc/PID/cmdline showed them; as many as ' +
          'log.process_args allows. Absent when it is off or they are not known.',
      )
      .exactOptional(),
    command_line: z.string().describe('The arguments in one text. Absent without log.command_line.').exactOptional(),
    working_directory: absolutePath.describe('Absent when it is not known as a whole.').exactOptional(),
    start: timestamp.describe(`${START} Absent when the process is not known.`).exactOptional(),
    parent: z
      .strictObject({
        pid: count.describe('The process id of the parent; 0 is the kernel itself.'),
        name: z.string().describe('The name of the parent (comm).'),
      })
      .describe('Absent when the process is not known.')
      .exactOptional(),
  })
  .meta({ id: 'process', ...PROCESS_RULES });

const argsDetails = {
  args_bytes: z
    .array(base64)
    .min(1)
    .describe('process.args in base64, all of them. Absent when each is valid UTF-8.')
    .exactOptional(),
  args_truncated: z
    .literal(true)
    .describe(
      'process.args is not the whole list. A line of dataset rmwatch.process with the same process.entity_id has what the ' +
        'kernel side could take. Absent when the list is whole.',
    )
    .exactOptional(),
};

export const details = z
  .strictObject({
    executable_deleted: z
      .literal(true)
      .describe(
        'No name leads to process.executable any more, or none ever did (memfd_create): it then ends with " (deleted)". ' +
          'Absent for other executables.',
      )
      .exactOptional(),
    requested_path: z
      .string()
      .describe('The path as the process passed it to the kernel. Absent when it could not be read.')
      .exactOptional(),
    host_path: absolutePath
      .describe('Where the host sees the same file. Absent when that is file.path, or no path of the host leads there.')
      .exactOptional(),
    path_bytes: someBase64.describe('file.path in base64. Absent when it is valid UTF-8.').exactOptional(),
    requested_path_bytes: someBase64
      .describe('rmwatch.requested_path in base64. Absent when it is valid UTF-8.')
      .exactOptional(),
    host_path_bytes: someBase64.describe('rmwatch.host_path in base64. Absent when it is valid UTF-8.').exactOptional(),
    moved_to: text
      .describe(
        'Where a move has led to, or would have: as file.path. Absent for other operations, and when it is not known.',
      )
      .exactOptional(),
    moved_to_bytes: someBase64.describe('rmwatch.moved_to in base64. Absent when it is valid UTF-8.').exactOptional(),
    moved_to_host_path: absolutePath
      .describe(
        'Where the host sees that place. Absent when that is rmwatch.moved_to, or no path of the host leads there.',
      )
      .exactOptional(),
    moved_to_host_path_bytes: someBase64
      .describe('rmwatch.moved_to_host_path in base64. Absent when it is valid UTF-8.')
      .exactOptional(),
    moved_to_complete: z
      .boolean()
      .describe('false: rmwatch.moved_to is cut, could not be resolved, or is not known. Absent for other operations.')
      .exactOptional(),
    former_paths: z
      .array(text)
      .min(1)
      .describe(
        'As file.path, under the name that the file had in the same directory before it was renamed, at most five seconds ' +
          'earlier. Absent when none is known.',
      )
      .exactOptional(),
    former_paths_bytes: z
      .array(someBase64)
      .min(1)
      .describe('rmwatch.former_paths in base64, all of them. Absent when each is valid UTF-8.')
      .exactOptional(),
    took_watched: z
      .literal(true)
      .describe(
        'The directory that moved is not matched itself by at least one of the watches in rule.name, but what may lie below ' +
          'it is. Absent otherwise.',
      )
      .exactOptional(),
    ...argsDetails,
    path_complete: z.boolean().describe('false: file.path is cut, or could not be resolved.'),
    case_insensitive: z
      .literal(true)
      .describe(
        'A directory on the way finds names whatever their case: file.path may have the letters that were typed, not those that the directory shows. Absent elsewhere.',
      )
      .exactOptional(),
    cut: z
      .array(z.string().regex(/^[a-z_]+([.][a-z_]+)?$/))
      .min(1)
      .describe('Fields that were shortened or left out. Absent unless the line would have more than 48,000 bytes.')
      .meta({ uniqueItems: true })
      .exactOptional(),
    last_link: z
      .boolean()
      .describe('No other name leads to the file any more. Absent for failed attempts and moves, and with the inode.')
      .exactOptional(),
    still_open: z
      .boolean()
      .describe('A process still has the file open, so its space is not released yet. Absent when that is not known.')
      .exactOptional(),
    freed_bytes: count
      .describe('Bytes of storage that were released. Absent when none were, or that is not known.')
      .exactOptional(),
    mount_uid: numericId
      .describe(
        'The user id of the owner as stat shows it through the idmapped mount of the deletion; 65534 for one that the mapping ' +
          'does not have. Absent when it is file.uid, when the mount is not known, and in tracepoint mode.',
      )
      .exactOptional(),
    mount_gid: numericId
      .describe(
        'The group id of the owner as stat shows it through the idmapped mount of the deletion; 65534 for one that the mapping ' +
          'does not have. Absent when it is file.gid, when the mount is not known, and in tracepoint mode.',
      )
      .exactOptional(),
    fs_uid: numericId
      .describe('The user id that the kernel checks access to files by. Absent when it is the effective one.')
      .exactOptional(),
    fs_gid: numericId
      .describe('The group id that the kernel checks access to files by. Absent when it is the effective one.')
      .exactOptional(),
    login_uid: numericId
      .describe('The user id at login, whatever the process has now. Absent when there was no login, as for services.')
      .exactOptional(),
    cgroup: absolutePath
      .describe(
        'The cgroup of the process in version 2 or, where that is the root, in version 1. Absent when it is not known as a whole.',
      )
      .exactOptional(),
    application: z
      .strictObject({
        type: z.enum(['flatpak', 'snap']).describe('The kind of application.'),
        id: text.describe('The id of the application.'),
      })
      .describe(
        'A Flatpak or Snap application, which runs on the host and not in a container. Absent for other processes.',
      )
      .exactOptional(),
    mount_namespace: positiveCount.describe('The inode number of the mount namespace of the process.'),
    via: z.enum(VIAS).describe('The way into the kernel.'),
    attach: z.enum(ATTACH_MODES).describe('How the kernel is hooked.'),
  })
  .meta({ id: 'details', description: 'What the Elastic Common Schema has no name for.', ...DETAILS_RULES });

/** Whose deletion it is, beside the process. */
export const user = {
  user: z.strictObject({
    id: numericId.describe('The real user id of the process: who started it.'),
    name: text
      .describe('The name that the host gives the id, for processes of containers, too. Absent when it gives none.')
      .exactOptional(),
    effective: z
      .strictObject({
        id: numericId.describe('The effective user id of the process: whose rights it has.'),
        name: text
          .describe('The name that the host gives the id, for processes of containers, too. Absent when it gives none.')
          .exactOptional(),
      })
      .describe(
        'Absent when it is the real user. Another one in set-user-id programs and in servers that act for others.',
      )
      .exactOptional(),
  }),
  group: z.strictObject({ id: numericId.describe('The real group id of the process.') }),
  container: z
    .strictObject({ id: text.describe('A cgroup of the process names this container id.') })
    .describe('Absent outside of containers.')
    .exactOptional(),
};

export const deletionSchema = z
  .strictObject({
    '@timestamp': timestamp.describe('When it happened. RFC 3339, UTC, with nanoseconds.'),
    ecs,
    log: level('info'),
    message: z
      .string()
      .regex(
        new RegExp(
          `^(${OPERATIONS.join('|')}) [\\s\\S]+ by [\\s\\S]*\\[[1-9][0-9]*\\] \\([\\s\\S]+\\)(: E[A-Z0-9]+)?$`,
        ),
      )
      .describe(message),
    event: z.strictObject({
      kind: z.literal('event').describe('"pipeline_error" in lines of lost events.'),
      category: z.tuple([z.literal('file')]).describe('The category of the event.'),
      type: z
        .union([z.tuple([z.literal('deletion')]), z.tuple([z.literal('change')]), z.tuple([z.literal('info')])])
        .describe('"info" for a failed attempt, "change" for a move, otherwise "deletion".'),
      action: z.enum(OPERATIONS).describe('The operation.'),
      outcome: z
        .enum(['success', 'failure'])
        .describe('Absent when the kernel missed the return of a call that failed, or of a rename on ceph.')
        .exactOptional(),
      dataset: z.literal(DATASET_DELETION).describe('The kind of line.'),
      sequence: positiveCount.describe('Rises by one with each delivered event since the daemon started.'),
    }),
    host,
    error: z
      .strictObject({
        code: z
          .string()
          .regex(/^E[A-Z0-9]+$/)
          .describe('The errno name of a failed attempt.'),
      })
      .describe('Absent unless the attempt failed.')
      .exactOptional(),
    file: file.describe('Absent when not even the name could be read.').exactOptional(),
    process,
    ...user,
    rule: z.strictObject({
      name: z.array(watchName).min(1).describe('The watches that matched.').meta({ uniqueItems: true }),
    }),
    rmwatch: details,
  })
  .meta({
    id: 'deletion',
    description: 'A name left the filesystem or its watch, or an attempt to remove or move one failed.',
    ...DELETION_RULES,
  });

export const processArgsSchema = z
  .strictObject({
    '@timestamp': timestamp.describe(
      'When the process deleted the first file that the log has. RFC 3339, UTC, with nanoseconds.',
    ),
    ecs,
    log: level('info'),
    message: text.describe(message),
    event: z.strictObject({
      kind: z.literal('event').describe('The kind of event.'),
      category: z.tuple([z.literal('process')]).describe('The category of the event.'),
      type: z.tuple([z.literal('info')]).describe('The type of the event.'),
      action: z.literal('process-arguments').describe('What the line tells.'),
      dataset: z.literal(DATASET_PROCESS).describe('The kind of line.'),
    }),
    host,
    process: z.strictObject({
      ...processFields,
      args: args.describe('All arguments.'),
      start: timestamp.describe(START),
    }),
    rmwatch: z.strictObject(argsDetails),
  })
  .meta({
    id: 'processArgs',
    description:
      'All arguments of a process whose other lines have only the first of them. Written before those lines, once for each title.',
  });

const LOST = {
  ring_full: 'Lost because the buffers between kernel and daemon were full.',
  state_full: 'Lost because the kernel side had no room for another call under way.',
  probe_skipped: 'Lost because the kernel skipped a hook.',
  decode: 'Lost because the daemon could not read the record.',
  output: 'Lost because the log did not take the line.',
} satisfies Record<LossReason, string>;

const lost = (reason: LossReason) => positiveCount.describe(`${LOST[reason]} Absent when none were.`).exactOptional();

export const eventsLostSchema = z
  .strictObject({
    '@timestamp': timestamp.describe('When the line was written. RFC 3339, UTC, with nanoseconds.'),
    ecs,
    log: level('error'),
    message: text.describe(message),
    event: z.strictObject({
      kind: z.literal('pipeline_error').describe('The kind of event.'),
      action: z.literal('events-lost').describe('What the line tells.'),
      dataset: z.literal(DATASET_DELETION).describe('The kind of line.'),
      start: timestamp.describe('The events were lost after this time. RFC 3339.'),
      end: timestamp.describe('The events were lost before this time. RFC 3339.'),
    }),
    host,
    rmwatch: z.strictObject({
      lost: z
        .strictObject(
          Object.fromEntries(LOSS_REASONS.map((reason) => [reason, lost(reason)])) as Record<
            LossReason,
            ReturnType<typeof lost>
          >,
        )
        .describe('Events lost since the last such line, by reason.')
        .meta({ minProperties: 1 }),
    }),
  })
  .meta({ id: 'eventsLost', description: 'Events were lost: how many since the last such line, by reason.' });
