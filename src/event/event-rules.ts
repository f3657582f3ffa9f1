/**
 * What the fields of a line owe each other: the parts of the JSON Schema that no TypeScript type can say. The definition
 * (event-definition.ts) puts them beside the fields.
 */

type Keywords = Readonly<Record<string, unknown>>;
type Schema = boolean | Keywords;
type Members = Readonly<Record<string, Schema>>;

/** JSON Schema's if and then, and else. */
export function when(condition: Schema, consequence: Schema, otherwise?: Schema): Record<string, Schema> {
  return {
    if: condition,
    // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON Schema
    then: consequence,
    ...(otherwise === undefined ? {} : { else: otherwise }),
  };
}

/** Members that are there are of these schemas. */
function members(properties: Members): Keywords {
  return { properties };
}

/** These members are there, and of these schemas. */
export function withMembers(properties: Members): Keywords {
  return { required: Object.keys(properties), properties };
}

function required(...names: string[]): Keywords {
  return { required: names };
}

function is(value: unknown): Keywords {
  return { const: value };
}

const LOSSY = { type: 'string', description: 'U+FFFD stands for bytes that are not UTF-8.', pattern: '\ufffd' };
const ABSOLUTE = { pattern: '^/' };
const SUCCEEDED = is(['deletion']);
const MOVED = is(['change']);
const MOVE_FIELDS = { moved_to: false, moved_to_host_path: false, moved_to_complete: false, took_watched: false };

export const FILE_RULES = {
  dependentRequired: {
    inode: ['device', 'uid', 'gid', 'mode'],
    ...Object.fromEntries(
      ['device', 'uid', 'gid', 'mode', 'mtime', 'size', 'type'].map((detail) => [detail, ['inode']]),
    ),
  },
  ...when(withMembers({ type: is('dir') }), members({ size: false })),
};

export const PROCESS_RULES = {
  dependentRequired: { command_line: ['args'], start: ['parent'], parent: ['start'] },
};

export const DETAILS_RULES = {
  allOf: [
    when(required('freed_bytes'), withMembers({ last_link: is(true), still_open: is(false) })),
    when(required('requested_path_bytes'), withMembers({ requested_path: LOSSY })),
    when(required('host_path_bytes'), withMembers({ host_path: LOSSY })),
    when(required('former_paths_bytes'), required('former_paths')),
    when(required('moved_to_bytes'), withMembers({ moved_to: LOSSY })),
    when(required('moved_to_host_path_bytes'), withMembers({ moved_to_host_path: LOSSY })),
    when(withMembers({ moved_to_complete: is(true) }), {
      anyOf: [withMembers({ moved_to: ABSOLUTE }), required('cut')],
    }),
  ],
};

export const DELETION_RULES = {
  allOf: [
    {
      $comment: 'What failed deleted nothing.',
      ...when(
        members({ event: withMembers({ outcome: is('failure') }) }),
        {
          required: ['error'],
          properties: {
            event: members({ type: is(['info']) }),
            rmwatch: members({ last_link: false, still_open: false, freed_bytes: false }),
          },
        },
        {
          properties: { error: false },
          ...when(
            members({ event: members({ action: is('move') }) }),
            members({ event: members({ type: MOVED }) }),
            members({ event: members({ type: SUCCEEDED }) }),
          ),
        },
      ),
    },
    {
      $comment: 'A move releases nothing, and it alone leads somewhere.',
      ...when(
        members({ event: members({ action: is('move') }) }),
        members({
          rmwatch: {
            required: ['moved_to_complete'],
            properties: { last_link: false, still_open: false, freed_bytes: false, former_paths: false },
          },
        }),
        members({ rmwatch: members(MOVE_FIELDS) }),
      ),
    },
    {
      $comment: 'Whether space was released is known only where the call is known to have succeeded.',
      ...when(members({ event: { not: required('outcome') } }), members({ rmwatch: members({ freed_bytes: false }) })),
    },
    {
      $comment: 'rmdir removes directories.',
      ...when(
        members({ event: members({ type: SUCCEEDED, action: is('rmdir') }) }),
        members({ file: members({ type: is('dir') }) }),
      ),
    },
    {
      $comment: 'unlink removes anything else.',
      ...when(
        members({ event: members({ type: SUCCEEDED, action: is('unlink') }) }),
        members({ file: members({ type: { not: is('dir') } }) }),
      ),
    },
    {
      $comment: 'The kernel does not tell whether a directory is open, nor what space it released.',
      ...when(
        withMembers({ file: withMembers({ type: is('dir') }) }),
        members({ rmwatch: members({ still_open: false, freed_bytes: false }) }),
      ),
    },
    {
      $comment: 'A complete path begins at the root.',
      ...when(
        members({ rmwatch: members({ path_complete: is(true), cut: false }) }),
        withMembers({
          file: { ...required('name', 'directory'), ...members({ path: ABSOLUTE, directory: ABSOLUTE }) },
        }),
      ),
    },
    {
      $comment: 'Bytes are there where the text could not keep them.',
      ...when(members({ rmwatch: required('path_bytes') }), withMembers({ file: members({ path: LOSSY }) })),
    },
    {
      $comment: 'Another owner is that of a file whose own is told.',
      ...when(
        members({ rmwatch: { anyOf: [required('mount_uid'), required('mount_gid')] } }),
        withMembers({ file: required('uid', 'gid') }),
      ),
    },
    when(members({ rmwatch: required('args_bytes') }), members({ process: required('args') })),
    {
      $comment: 'System calls tell nothing of replaced files, of file details and of io_uring.',
      ...when(
        members({ rmwatch: members({ attach: is('tracepoint') }) }),
        members({
          event: { required: ['outcome'], properties: { action: { not: is('replace') } } },
          file: { maxProperties: 3, required: ['path', 'name', 'directory'] },
          rmwatch: members({
            host_path: false,
            last_link: false,
            still_open: false,
            freed_bytes: false,
            mount_uid: false,
            mount_gid: false,
            via: is('syscall'),
          }),
        }),
      ),
    },
  ],
};
