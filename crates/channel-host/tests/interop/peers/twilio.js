// The voice provider's own library, asked to sign and to validate call-backs. Lines in:
// {do: 'sign' | 'validate', token, url, params, signature}. Event out: done {value}.
'use strict';
const readline = require('readline');
const {getExpectedTwilioSignature, validateRequest} = require('twilio/lib/webhooks/webhooks');

readline.createInterface({input: process.stdin}).on('line', line => {
  const {do: what, token, url, params, signature} = JSON.parse(line);
  const value = what === 'sign'
    ? getExpectedTwilioSignature(token, url, params)
    : validateRequest(token, signature, url, params);
  process.stdout.write(JSON.stringify({event: 'done', value}) + '\n');
}).on('close', () => process.exit(0));
