import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const NOBODY = 65534;

/** 32 connections that pipeline requests, never read an answer, and come again when they are closed. */
const PIPELINE_WITHOUT_READING = `
  const net = require('node:net');
  const [host, port] = process.argv[1].split(':');
  const requests = Buffer.from('GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'.repeat(2_000));
  let opened = 0;
  const open = () => {
    const connection = net.connect(Number(port), host, () => {
      connection.pause();
      const send = () => { while (connection.write(requests)); };
      connection.on('drain', send);
      send();
      if (++opened === 32) console.log('all open');
    });
    connection.on('error', () => {});
    connection.on('close', () => setImmediate(open));
  };
  for (let i = 0; i < 32; i++) open();`;

/** Starts them as a user without rights; resolves when all are open. The caller ends the process. */
export async function pipelineWithoutReading(address: string): Promise<ChildProcess> {
  const attacker = spawn(process.execPath, ['-e', PIPELINE_WITHOUT_READING, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
    uid: NOBODY,
    gid: NOBODY,
  });
  await once(attacker.stdout, 'data');
  return attacker;
}
