import type { NativeBinding } from './native-probe.js';

/** Numbers of the kernel's own, which it turns into others on the way to the caller: a call that a signal interrupted. */
const KERNEL_INTERNAL: ReadonlyMap<number, string> = new Map([
  [512, 'ERESTARTSYS'],
  [513, 'ERESTARTNOINTR'],
  [514, 'ERESTARTNOHAND'],
  [524, 'ENOTSUPP'],
]);

/** The name that strace(1) shows too; "E4095" for a number without one. */
export function errorName(binding: Pick<NativeBinding, 'errorName'>, number: number): string {
  return binding.errorName(number) ?? KERNEL_INTERNAL.get(number) ?? `E${number}`;
}
