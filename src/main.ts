import { takeSignals } from './cli/start-signals.js';

const argv = process.argv.slice(2);
// Before the rest of the program is loaded, which takes a while: a signal during that time must not end it.
const signals = takeSignals(argv);
const { program } = await import('./cli/program.js');
await program(argv, signals);
