import * as z from 'zod';
import { burstSchema } from './burst-definition.js';
import { daemonSchema } from './daemon-definition.js';
import { deletionSchema, eventsLostSchema, processArgsSchema } from './event-definition.js';
import { when, withMembers } from './event-rules.js';
import { DATASET_BURST, DATASET_DAEMON, DATASET_PROCESS } from './event-words.js';

/** The JSON Schema of one line: by `event.kind` and `event.dataset` that of a deletion, of arguments, of a loss, of a burst, or of the daemon. */
export function eventJsonSchema(): Record<string, unknown> {
  const lines = z.union([deletionSchema, processArgsSchema, eventsLostSchema, daemonSchema, burstSchema]);
  const { $defs } = z.toJSONSchema(lines, {
    override: ({ jsonSchema }) => {
      // zod limits every integer so; sizes of sparse files may be larger.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'rmwatch event line',
    description:
      'One line of the event log: a deletion, the arguments of a process, the notice that events were lost, a mass deletion, or what ' +
      'the daemon says of its own record. Names follow the Elastic Common Schema; a field that could not be had is absent.',
    ...when(
      memberIs('kind', 'pipeline_error'),
      { $ref: '#/$defs/eventsLost' },
      when(
        memberIs('dataset', DATASET_PROCESS),
        { $ref: '#/$defs/processArgs' },
        when(
          memberIs('dataset', DATASET_DAEMON),
          { $ref: '#/$defs/daemon' },
          when(memberIs('dataset', DATASET_BURST), { $ref: '#/$defs/burst' }, { $ref: '#/$defs/deletion' }),
        ),
      ),
    ),
    $defs,
  };
}

/** As it is kept in config/event.schema.json. */
export function eventJsonSchemaText(): string {
  return `${JSON.stringify(eventJsonSchema(), null, 2)}\n`;
}

function memberIs(key: string, value: string): Record<string, unknown> {
  return { type: 'object', ...withMembers({ event: { type: 'object', ...withMembers({ [key]: { const: value } }) } }) };
}
