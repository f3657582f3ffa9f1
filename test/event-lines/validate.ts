/** config/event.schema.json as a function: the one validator of event lines that all tests use. */
import { compileEventSchema } from './schema.js';

export const validateEvent = compileEventSchema().validate;
