// A message centre made of npm smpp, for Kannel to bind to. Numbers that end in 9 fail.
// Events: listening {port}, bound, submit {..}. A line {from, to, text} is a person's answer.
'use strict';
const readline = require('readline');
const smpp = require('smpp');

const say = event => process.stdout.write(JSON.stringify(event) + '\n');
let count = 0;
let bound;

function submit(session, pdu) {
  const id = 'm' + (++count);
  session.send(pdu.response({message_id: id}));
  const {message, udh} = pdu.short_message;
  say({
    event: 'submit', to: pdu.destination_addr, to_ton: pdu.dest_addr_ton, from: pdu.source_addr,
    coding: pdu.data_coding, esm: pdu.esm_class, validity: pdu.validity_period,
    units: Array.from({length: message.length}, (_, at) => message.charCodeAt(at)),
    part: udh ? [...udh[0]] : null,
  });
  if (!(pdu.registered_delivery & 1)) return;
  const state = pdu.destination_addr.endsWith('9') ? 'UNDELIV' : 'DELIVRD';
  // After the answer, as a network does it.
  setImmediate(() => session.deliver_sm({
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2611211640 done date:2611211640 ` +
      `stat:${state} err:000 text:x`,
  }));
}

const server = smpp.createServer({debug: false}, session => {
  session.on('bind_transceiver', pdu => {
    const known = pdu.system_id === 'foo' && pdu.password === 'bar';
    session.send(pdu.response(known ? {} : {command_status: smpp.ESME_RINVPASWD}));
    if (known) { bound = session; say({event: 'bound'}); }
  });
  session.on('unbind', pdu => { session.send(pdu.response()); session.close(); });
  session.on('enquire_link', pdu => session.send(pdu.response()));
  session.on('submit_sm', pdu => submit(session, pdu));
  session.on('error', error => console.error('session:', error.message));
});
server.listen(0, '127.0.0.1', () => say({event: 'listening', port: server.address().port}));

readline.createInterface({input: process.stdin}).on('line', line => {
  const {from, to, text} = JSON.parse(line);
  bound.deliver_sm({
    source_addr: from, source_addr_ton: 1, source_addr_npi: 1, destination_addr: to,
    data_coding: 8, short_message: {message: text},
  });
}).on('close', () => process.exit(0));
