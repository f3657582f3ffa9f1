import { hostname } from 'node:os';
import type { ReadStream, WriteStream } from 'node:tty';
import { readLoggedLine } from '../search/logged-event.js';
import { followEvents } from '../socket/event-follower.js';
import { colorWanted, painter } from '../text/terminal-style.js';
import { Screen } from '../top/screen.js';
import { TopState } from '../top/top-state.js';
import { topLines } from '../top/top-view.js';
import { eventSocketPath, failureOf } from './event-socket-path.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';

const STDOUT = 1;
const REFRESH_MS = 1_000;

export interface TopOptions {
  readonly socket: string | undefined;
  readonly config: string | undefined;
}

/** Shows what is being deleted on the whole terminal, until `q` or a signal. */
export async function top({ socket, config }: TopOptions, io: CommandIo, input: ReadStream): Promise<number> {
  const output = io.stdout as Partial<WriteStream>;
  if (output.isTTY !== true || input.isTTY !== true) {
    io.stderr.write('rmwatch: top needs a terminal; for a pipe there is rmwatch tail\nTry: rmwatch top --help\n');
    return EXIT.usage;
  }
  const path = await eventSocketPath(socket, config);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end);
  const view = new TopView(output as WriteStream, input, end);
  const refresh = setInterval(() => view.refresh(), REFRESH_MS);
  try {
    const { state } = view;
    const reached = await followEvents({
      path,
      signal: ending.signal,
      needles: [],
      onCandidate: (buffer, start, stop) => {
        const read = readLoggedLine(buffer.toString('utf8', start, stop));
        if (read?.kind === 'deletion') state.add(read.deletion);
      },
      onDeletion: (deletion) => state.add(deletion),
      onRecord: () => {},
      onNews: (news) => {
        if (news.action === 'connected') view.open();
        else if (news.action === 'reader-lost') state.lostLines += news.lines;
        else if (news.action === 'counters') state.take(news.counters, Date.now());
      },
      onOversized: () => {
        state.lostLines += 1;
      },
      onGone: () => {
        state.connected = false;
      },
      onBack: () => {
        state.connected = true;
      },
      // Keys and the refresh get their turn in a flood.
      rest: () => new Promise((resolve) => setImmediate(resolve)),
    });
    view.close();
    const failure = failureOf(reached, path);
    if (failure === undefined) return EXIT.ok;
    io.stderr.write(`rmwatch: ${failure.message}\n`);
    return failure.code;
  } finally {
    view.close();
    clearInterval(refresh);
    process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end);
  }
}

/** The state on the screen. */
class TopView {
  readonly state = new TopState();
  private screen: Screen | undefined;
  private readonly paint = painter(colorWanted(STDOUT, process.env));

  constructor(
    private readonly output: WriteStream,
    private readonly input: ReadStream,
    private readonly quit: () => void,
  ) {}

  /** Takes the terminal, which an error before the first line leaves as it is. A second call is harmless. */
  open(): void {
    if (this.screen !== undefined) return;
    this.screen = new Screen({
      input: this.input,
      output: this.output,
      onKeys: (keys) => {
        if (this.state.press(keys)) this.quit();
        else this.draw();
      },
      onResize: () => this.draw(),
    });
    this.draw();
  }

  refresh(): void {
    if (!this.state.paused) this.draw();
  }

  close(): void {
    this.screen?.close();
  }

  private draw(): void {
    const { screen, state, paint } = this;
    if (screen === undefined) return;
    const { size } = screen;
    screen.draw(topLines(state, { ...size, host: hostname(), now: new Date(), paint }));
  }
}
