import type { EventContext, EventEncoder } from '../../src/event/event-encoder.js';
import { LineBuffer } from '../../src/event/line-buffer.js';
import type { RecordView } from '../../src/probe/record-view.js';

/** The line of one deletion as text, without its newline. */
export function writtenLine(line: EventEncoder, record: RecordView, context: EventContext): string {
  let text = '';
  const lines = new LineBuffer((chunk, length) => {
    text += chunk.toString('utf8', 0, length);
  });
  line.write(lines, record, context);
  lines.endLine();
  lines.flush();
  return text.slice(0, -1);
}
