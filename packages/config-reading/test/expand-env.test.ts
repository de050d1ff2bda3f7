import { test } from 'tap'
import { expandEnvironment, expansionNotes } from '../src/expand-env.ts'

test('expandEnvironment supports the forms of envsubst', async t => {
  const env = { V: 'Hello.tar.gz', EMPTY: '' }
  const f = (text: string, want: string) => t.equal(expandEnvironment(text, env), want, text)
  f('a ${V} b', 'a Hello.tar.gz b')
  f('${NONE}', '')
  f('${NONE:-d}', 'd')
  f('${EMPTY-d}', 'd')
  f('${V:=d}', 'Hello.tar.gz')
  f('${NONE:-${V}}', 'Hello.tar.gz')
  f('${#V}', '12')
  f('${V^^}', 'HELLO.TAR.GZ')
  f('${V,}', 'hello.tar.gz')
  f('${V:6}', 'tar.gz')
  f('${V:6:3}', 'tar')
  f('${V#*.}', 'tar.gz')
  f('${V##*.}', 'gz')
  f('${V%.*}', 'Hello.tar')
  f('${V%%.*}', 'Hello')
  f('${V/l/L}', 'HeLlo.tar.gz')
  f('${V//l/L}', 'HeLLo.tar.gz')
  f('${V/#Hello/Bye}', 'Bye.tar.gz')
  f('${V/%gz/xz}', 'Hello.tar.xz')
  f('$V $1 $', '$V $1 $')
  f('$${V}', '${V}')
  f('${unclosed', '${unclosed')
  f('/${1}/${12}/$${2}/${NONE:-${3}}', '/${1}/${12}/${2}/${3}')
})

test('expansionNotes names the flag if a mistake is related to it', async t => {
  const written = 'a: 1\nport: ${PORT}\nb: ${1}\nwait:\n  ${WAIT:-x}\nc: a\\\\b\n'
  const at = (line: number, message = 'Wrong') => ({ line, column: 1, message })
  const without = expansionNotes(written, undefined)
  t.same(without(at(1)), at(1))
  t.same(without(at(0)), at(0))
  t.same(without(at(3)), at(3))
  t.match(
    without(at(2)).message,
    /^Wrong \(\$\{PORT\} is only expanded with -config\.expand-env=true\)$/,
  )
  t.match(without(at(4, 'Wrong: "${WAIT:-x}"')).message, /\(\$\{WAIT\} is only expanded/)
  const filled = expansionNotes(written, expandEnvironment(written, { PORT: 'p' }))
  t.same(filled(at(1)), at(1))
  t.same(filled(at(3)), at(3))
  for (const line of [2, 6])
    t.match(filled(at(line)).message, /-config\.expand-env changed this line/)
})
