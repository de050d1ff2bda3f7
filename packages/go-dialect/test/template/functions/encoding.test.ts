import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Encoding functions encode and decode', async t => {
  const f = agentTable(t)

  f(
    '{{b64enc "héllo"}} {{b64dec "aMOpbGxv"}} {{b64dec "aGk="}} {{b64dec "aGk"}} {{b64dec "a"}} {{b64dec "a*aa"}} {{b64dec "aGk=="}} {{b64dec "====" }} {{b64dec "aG=k"}} {{b64dec "YQ==YQ=="}} [{{b64dec ""}}]',
    'aMOpbGxv héllo hi illegal base64 data at input byte 0 illegal base64 data at input byte 0 illegal base64 data at input byte 1 illegal base64 data at input byte 4 illegal base64 data at input byte 0 illegal base64 data at input byte 2 illegal base64 data at input byte 4 []',
  )
  f(
    '{{b64dec "aG\\nk=\\n"}} {{b64dec "YQ=\\n="}} {{b64dec "YQ="}} {{b64dec "YQ=a"}}',
    'hi a illegal base64 data at input byte 3 illegal base64 data at input byte 2',
  )
  f(
    '{{b32enc "a"}} {{b32enc "ab"}} {{b32enc "abc"}} {{b32enc "abcd"}} {{b32enc "abcde"}} {{b32enc ""}} {{b32dec "MFRGG==="}} {{b32dec "MFRGGZDF"}}',
    'ME====== MFRA==== MFRGG=== MFRGGZA= MFRGGZDF  abc abcde',
  )
})
