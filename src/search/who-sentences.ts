import { byteText } from '../text/byte-count.js';
import { escapeControl } from '../text/escape.js';
import { localTime } from '../text/local-time.js';
import { commandText } from './command-text.js';
import { pathsOf } from './conditions.js';
import type { LoggedDeletion } from './logged-event.js';
import type { LoginSession } from './login-session.js';
import type { Others } from './who.js';

const VERBS: Readonly<Record<string, string>> = {
  unlink: 'was deleted',
  rmdir: 'was removed',
  replace: 'was replaced by another file',
  move: 'was moved',
};
const TYPES: Readonly<Record<string, string>> = {
  file: 'a file',
  dir: 'a directory',
  symlink: 'a symbolic link',
  socket: 'a socket',
  fifo: 'a FIFO',
  char_device: 'a character device',
  block_device: 'a block device',
};

/** Characters of a command line that are shown. */
const COMMAND_MAX = 2_000;

export interface WhoFacts {
  readonly deletion: LoggedDeletion;
  readonly above: boolean;
  /** What was asked about. */
  readonly path: string;
  readonly others: Others;
  readonly session: LoginSession | undefined;
  readonly nameOf: (uid: string) => string | undefined;
}

/** When, what, who, by what, from where, and what else: a sentence each, safe for a terminal. */
export function whoSentences(facts: WhoFacts): string[] {
  const { deletion, others } = facts;
  return [
    ...whatSentences(facts),
    whoSentence(facts),
    commandSentence(deletion),
    ...placeSentences(deletion),
    ...othersSentences(others),
  ].map(escapeControl);
}

function whatSentences({ deletion, above, path }: WhoFacts): string[] {
  const { event, file, rmwatch } = deletion;
  const verb = VERBS[event.action] ?? event.action;
  const names = pathsOf(deletion);
  const name = names.at(-1) ?? '?';
  const inside = names.length > 1 ? ` (${names[0]} for the process)` : '';
  const when = `${localTime(deletion['@timestamp'], { date: true })}`;
  const where = rmwatch.moved_to === undefined ? '' : `, to ${rmwatch.moved_to_host_path ?? rmwatch.moved_to}`;
  const former = rmwatch.former_paths === undefined ? '' : `, which was ${rmwatch.former_paths.join(', ')} before,`;
  const unsure = event.outcome === undefined || (event.outcome as string) === 'unknown';
  const sentences = [`${when}: ${name}${inside}${former} ${verb}${where}${unsure ? ', as far as is known' : ''}.`];
  if (above) {
    sentences.push(
      (event.action as string) === 'move'
        ? `It is above ${path} and took that along.`
        : `It is above ${path}, which was gone by then; the record holds no deletion of that itself.`,
    );
  }
  const facts: string[] = [];
  if (file?.size !== undefined) facts.push(`${byteText(file.size)}`);
  if (file?.uid !== undefined) {
    const { mount_uid: uid = file.uid, mount_gid: gid = file.gid } = rmwatch;
    const shown = uid === file.uid && gid === file.gid ? '' : ` (${uid}:${gid} through its mount)`;
    facts.push(`owner ${file.uid}:${file.gid}${shown}, mode ${file.mode}`);
  }
  if (file?.mtime !== undefined) facts.push(`changed ${localTime(file.mtime, { date: true })}`);
  if (rmwatch.last_link === true) facts.push('the last name of it');
  if (rmwatch.last_link === false) facts.push('other names are left');
  if (rmwatch.still_open === true) facts.push('still open in some process then');
  const type = TYPES[file?.type ?? ''];
  if (type !== undefined || facts.length > 0) sentences.push(`It was ${[type ?? 'a name', ...facts].join(', ')}.`);
  return sentences;
}

function whoSentence({ deletion, session, nameOf }: WhoFacts): string {
  const { user, rmwatch } = deletion;
  const { effective } = user;
  const parts = [`By user ${user.name ?? nameOf(user.id) ?? user.id}`];
  if (effective !== undefined) parts.push(`acting as ${effective.name ?? nameOf(effective.id) ?? effective.id}`);
  const { login_uid: login } = rmwatch;
  if (login !== undefined) parts.push(`logged in as ${nameOf(login) ?? login}`);
  if (session !== undefined) {
    if (session.tty !== '') parts.push(`on ${session.tty}`);
    if (session.remoteHost !== '') parts.push(`from ${session.remoteHost}`);
    if (session.service !== '') parts.push(`by ${session.service}`);
  }
  const unit = /([^/]+\.(?:service|scope))(?:\/|$)/.exec(rmwatch.cgroup ?? '')?.[1];
  if (unit !== undefined) parts.push(`in ${unit}`);
  return `${parts.join(', ')}.`;
}

function commandSentence({ process, rmwatch }: LoggedDeletion): string {
  const { args = [], args_count: count } = process;
  const cut = rmwatch.args_truncated === true;
  const words = args.length > 0 ? `: ${commandText({ args, cut, count, limit: COMMAND_MAX })}` : '';
  const executable = process.executable === undefined ? '' : ` (${process.executable})`;
  const where = process.working_directory === undefined ? '' : `, in ${process.working_directory}`;
  const parent =
    process.parent === undefined ? '' : `, started by ${process.parent.name ?? 'process'}[${process.parent.pid}]`;
  return `Process ${process.name}[${process.pid}]${executable}${where}${parent}${words}`;
}

function placeSentences({ container }: LoggedDeletion): string[] {
  return container === undefined ? [] : [`It came out of the container ${container.id}.`];
}

function othersSentences({ folded, ...others }: Others): string[] {
  if (folded === 0) return [othersSentence(others)];
  const sentence = `Around that time ${folded} deletions are folded: they have no line that names the file.`;
  return others.count === 0 ? [sentence] : [othersSentence(others), sentence];
}

function othersSentence({ count, freedBytes, from, to, samples }: Omit<Others, 'folded'>): string {
  if (count === 0) return 'The same process deleted nothing else within ten minutes.';
  const freed = freedBytes === undefined ? '' : `, ${byteText(freedBytes)} freed`;
  const span = `${localTime(from, { date: true })} to ${localTime(to, { date: false })}`;
  const more = count > samples.length ? ' ...' : '';
  return `The same process deleted ${count} more (${span}${freed}): ${samples.join(', ')}${more}`;
}
