import type { EventContext, EventLine } from '../../src/deletion/event-line.js';
import { LineBuffer } from '../../src/deletion/line-buffer.js';
import type { RecordView } from '../../src/probe/record-view.js';

/** The line of one deletion as text, without its newline. */
export function writtenLine(line: EventLine, record: RecordView, context: EventContext): string {
  let text = '';
  const lines = new LineBuffer((chunk, length) => {
    text += chunk.toString('utf8', 0, length);
  });
  line.write(lines, record, context);
  lines.endLine();
  lines.flush();
  return text.slice(0, -1);
}
