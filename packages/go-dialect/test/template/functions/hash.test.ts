import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Checksums match those of common tools', async t => {
  const f = agentTable(t)

  f(
    '{{sha1sum "abc"}} {{sha256sum "" | trunc 16}} {{sha512sum "abc" | trunc 16}} {{adler32sum "abc"}} {{adler32sum ""}}',
    'a9993e364706816aba3e25717850c26c9cd0d89d e3b0c44298fc1c14 ddaf35a193617aba 38600999 1',
  )
})

test('Hash and Sha2Hash put the salt in front', async t => {
  const f = agentTable(t)

  f('{{ Hash "pep" "per" | trunc 8 }}', '8164415d')
  f('{{ Sha2Hash "pep" "per" | trunc 8 }}', '8cbbcf29')
  f('{{ eq (Hash "pep" "per") (Hash "peppe" "r") }}', 'true')
})

test('Random texts have the requested length and alphabet', async t => {
  const f = agentTable(t)

  f('{{ regexMatch "^[0-9]{20}$" (randNumeric 20) }}', 'true')
  f('{{ regexMatch "^[A-Za-z]{20}$" (randAlpha 20) }}', 'true')
  f('{{ regexMatch "^[A-Za-z0-9]{20}$" (randAlphaNum 20) }}', 'true')
  f('{{ regexMatch "^[ -~]{20}$" (randAscii 20) }}', 'true')
  f('{{ $n := randInt 3 5 }}{{ or (eq $n 3) (eq $n 4) }}', 'true')
  f('{{ shuffle "aab" | splitList "" | sortAlpha | join "" }}', 'aab')
  f('{{ eq (len uuidv4) 36 }} {{ eq uuidv4 uuidv4 }}', 'true false')
})
