/** The sessions of a guest with systemd: what is asked of the recorder, and what it leaves behind. */

/** The bundled package as an administrator meets it, from the first start to the purge. */
export interface ServiceSession {
  readonly kind: 'service';
  readonly name: string;
  /** The package with the next revision. The first one has been installed. */
  readonly upgrade: string;
}

/** From the package without Node.js, which has been installed, to the one that brings it, and back. */
export interface FlavoursSession {
  readonly kind: 'flavours';
  readonly name: string;
  readonly plain: string;
  readonly bundled: string;
}

/** A command that a signal ended has the status null. */
export type Value = string | number | boolean | null;

/** A regular expression. */
export interface Pattern {
  readonly pattern: string;
  readonly flags: string;
}

/** What was found, and what must be: the same, or text of a pattern. The host compares. */
export interface Expectation {
  readonly what: string;
  /** Absent: there was none. */
  readonly actual?: Value;
  /** Absent: there must be none. */
  readonly wanted?: Value | Pattern;
}

export interface CheckRecord {
  readonly name: string;
  readonly expectations: readonly Expectation[];
  /** Why the check was not made to its end. */
  readonly error?: string;
  readonly seconds: number;
  /** Figures worth printing. */
  readonly facts?: Readonly<Record<string, Value | undefined>>;
}

export interface SystemdRecording {
  readonly checks: CheckRecord[];
  /** Files beside the recording with the daemon's lines: of the journal, and its logs, `.gz` where they were compressed. */
  lineFiles: readonly string[];
}

/** All of the unit's journal, systemd's own lines included: for whoever reads a failed run. */
export const JOURNAL_FILE = 'journal.txt';

/** Of the session `service`, in the order in which they are made. */
export const SERVICE_CHECKS = {
  installed: 'the package installs the service and does not start it',
  readyAfterSelfTest: 'systemd hears READY only when the first self-test has passed',
  confined: 'the daemon has two capabilities and is confined',
  deletionsOfOthers: 'deletions by other users, namespaces and units are told right',
  followers: 'the group of the service follows its events, and others do not',
  journalIsJson: 'every line in the journal is JSON, and none is a warning',
  searchesJournal: 'search and who find a deletion in the journal',
  linesStaySmall: 'a line of rm with 600 names is small, and search has all arguments that the kernel side took',
  copiesBack: 'the commands of who copy data back that a process still holds, on ext4, btrfs and overlayfs',
  prometheus: 'a Prometheus with the shipped configuration has the rate of deletions',
  reload: 'a reload takes over a good configuration and refuses a bad one',
  stops: 'the service stops in order and loses nothing',
  journalNamespace: 'with a journal of its own, search finds deletions from before and since',
  kprobeDropIn: 'with the kprobe drop-in the daemon attaches by kprobes',
  logrotate: 'logrotate moves the log away and nothing is lost',
  rootDropIn: 'with the root drop-in the daemon runs as root',
  watchdog: 'the watchdog ends a daemon that stands still, and systemd starts it again',
  upgrade: 'an upgrade keeps the edited configuration, and the service goes on',
  removal: 'a removal stops the service and keeps configuration and log',
  purge: 'a purge leaves nothing but the user',
} as const;
export type ServiceCheck = keyof typeof SERVICE_CHECKS;
export const serviceChecks = Object.keys(SERVICE_CHECKS) as ServiceCheck[];

/** Of the session `flavours`, in the order in which they are made. */
export const FLAVOURS_CHECKS = {
  installed: 'the package installs the service and does not start it',
  ready: 'the service is ready with the Node.js of the host, and tells a deletion',
  toBundled: 'the package with Node.js takes over and keeps the configuration',
  toPlain: 'the package without Node.js takes over again and keeps the configuration',
  purge: 'a purge leaves nothing but the user',
} as const;
