export const MODES = ['kprobe', 'fentry', 'tracepoint'] as const;

/** How the kernel is hooked, as `--attach` takes it. */
export type Mode = (typeof MODES)[number];
