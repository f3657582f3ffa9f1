import { stdSerializers } from 'pino';
import { ECS_VERSION } from '../model/ecs.js';

/**
 * The daemon's own messages have the names of the Elastic Common Schema, as the events have: `log.level`, `@timestamp`,
 * `ecs.version`, `message`, and for an error `error.type`, `error.message`, `error.stack_trace` and `error.code`.
 * What the schema has no name for is below `rmwatch`. They begin with `log`, events with `@timestamp`: in one stream the first
 * bytes tell which of the two a line is.
 */

/** What follows the level in each line, for pino: time and version of the schema. */
export function ecsStart(): string {
  return `,"@timestamp":"${new Date().toISOString()}","ecs":{"version":"${ECS_VERSION}"}`;
}

/** The values of one message in their places. `error` is an Error, `code` the name of an errno. */
export function diagnosticFields({ error, code, ...fields }: Record<string, unknown>): Record<string, unknown> {
  const problem = { ...(error !== undefined && errorFields(error)), ...(code !== undefined && { code }) };
  return {
    ...(Object.keys(problem).length > 0 && { error: problem }),
    ...(Object.keys(fields).length > 0 && { rmwatch: fields }),
  };
}

function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { type, message, stack, code } = stdSerializers.err(error);
  return { type, message, stack_trace: stack, ...(typeof code === 'string' && { code }) };
}
