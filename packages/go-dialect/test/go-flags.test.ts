import { test } from 'tap'
import { FlagError } from '../src/errors.ts'
import { formatGoFlags, type GoFlag, parseGoFlags } from '../src/go-flags.ts'

const table: Record<string, GoFlag> = {
  'config.file': { kind: 'text', description: 'a file' },
  verbose: { kind: 'boolean', description: 'more' },
  port: { kind: 'number', description: 'a port' },
  wait: { kind: 'duration', description: 'a time' },
  size: { kind: 'bytes', description: 'a size' },
  old: { kind: 'text', description: '', isIgnored: true },
}

test('parseGoFlags accepts the forms of the flag package', async t => {
  const parse = (argv: string[], flags: Record<string, string>, rest: string[] = []) =>
    t.same(parseGoFlags(argv, table), { flags, rest }, argv.join(' '))
  parse([], {})
  parse(['-config.file=a'], { 'config.file': 'a' })
  parse(['--config.file', 'a'], { 'config.file': 'a' })
  parse(['-config.file='], { 'config.file': '' })
  parse(['-config.file', '-x'], { 'config.file': '-x' })
  parse(['-verbose'], { verbose: 'true' })
  parse(['-verbose=0', '-port', '80'], { verbose: 'false', port: '80' })
  parse(['-wait=1m30s', '-size=5MB', '-old=x'], { wait: '1m30s', size: '5MB', old: 'x' })
  parse(['-verbose', 'rest', '-port=1'], { verbose: 'true' }, ['rest', '-port=1'])
  parse(['-verbose', '--', '-port'], { verbose: 'true' }, ['-port'])
})

test('parseGoFlags rejects invalid flags and values', async t => {
  const refuse = (argv: string[], message: RegExp) => {
    t.throws(() => parseGoFlags(argv, table), { name: 'FlagError', message }, argv.join(' '))
    t.throws(() => parseGoFlags(argv, table), FlagError)
  }
  refuse(['-nosuch'], /flag provided but not defined: -nosuch/)
  refuse(['-constructor'], /not defined/)
  refuse(['-config.file'], /flag needs an argument: -config\.file/)
  refuse(['-verbose=maybe'], /invalid value "maybe" for flag -verbose/)
  refuse(['-port=many'], /invalid value "many" for flag -port/)
  refuse(['-wait=5'], /invalid value "5" for flag -wait: .*missing unit/)
  refuse(['-size=big'], /invalid value "big" for flag -size/)
})

test('formatGoFlags lists the flags that have an effect', async t => {
  const text = formatGoFlags(table)
  t.match(text, /^ {2}-config\.file text\n {8}a file\n {2}-verbose\n/)
  t.notMatch(text, /-old/)
})
