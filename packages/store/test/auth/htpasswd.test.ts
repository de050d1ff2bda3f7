import { test } from 'tap'
import { parseHtpasswd, readHtpasswd } from '../../src/auth/htpasswd.ts'

const bcrypt = '$2y$10$abcdefghijklmnopqrstuuMDbtmhkkxHoNgdxOj1AGrnEsACyYlya'
const scrypt = '$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$RAsqbqfgSyQZ1DxxBdzB4Mgp5eNyiVQ0Tgc2GzNGxOk'

test('a file has bcrypt and scrypt, comments and empty lines', async t => {
  const passwords = parseHtpasswd(`# people\n\nann:${bcrypt}\r\nbob:${scrypt}\n`, 'f')
  t.same([...passwords.keys()], ['ann', 'bob'])
  t.match(passwords.get('bob'), { kind: 'scrypt', n: 16, r: 8, p: 1 })
})

test('a line that cannot be used is told with its number, without the hash', async t => {
  const why = (line: string) => {
    try {
      parseHtpasswd(`ok:${bcrypt}\n${line}\n`, 'f')
      return 'nothing'
    } catch (error) {
      t.equal((error as { code?: string }).code, 'AUTH_FILE')
      return (error as Error).message
    }
  }
  t.match(why('nocolon'), /f, line 2: write NAME:HASH/)
  t.match(why('md5:$apr1$secret$hash'), /line 2: .* neither a bcrypt nor a scrypt/)
  t.notMatch(why('md5:$apr1$secret$hash'), /secret/)
  t.match(why('plain:password'), /htpasswd -B/)
  t.match(why(`ok:${bcrypt}`), /twice/)
  t.match(why(`slow:${bcrypt.replace('$10$', '$31$')}`), /the cost of bcrypt is 31/)
  t.match(why(`big:${scrypt.replace('ln=4', 'ln=30')}`), /too much memory/)
  t.match(why(`none:${scrypt.replace('r=8', 'r=0')}`), /must be above 0/)
  t.match(why(`short:${scrypt.replace('c2FsdHNhbHQ', 'c2Fs')}`), /at least 8 bytes/)
  t.throws(() => readHtpasswd('/nowhere/htpasswd'), /Cannot read \/nowhere\/htpasswd: ENOENT/)
})
