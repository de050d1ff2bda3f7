import { test } from 'tap'
import { formatLogqlBytes, parseConfigBytes, parseLogqlBytes } from '../../src/number/byte-size.ts'

test('LogQL sizes: kB is 1000, KiB is 1024', async t => {
  const parse = (text: string, want: number) => t.equal(parseLogqlBytes(text), want, text)
  parse('10', 10)
  parse('5MB', 5_000_000)
  parse('5MiB', 5_242_880)
  parse('1,024 kB', 1_024_000)
  parse('1.5k', 1_500)
  for (const text of ['', 'MB', '5XB', '1..2kB']) {
    t.throws(() => parseLogqlBytes(text), SyntaxError, text)
  }
  const format = (bytes: number, want: string) => t.equal(formatLogqlBytes(bytes), want)
  format(10 * 1024 ** 2, '10MB')
  format(11_500_000, '12MB')
  format(0, '0B')
  format(512, '512B')
  format(5_000_000, '5.0MB')
  format(82_000, '82kB')
  format(999_999, '1000kB')
})

test('configuration sizes: every unit is a power of 1024', async t => {
  const parse = (text: string, want: number) => t.equal(parseConfigBytes(text), want, text)
  parse('256KB', 262_144)
  parse('10GB', 10_737_418_240)
  parse('4mb', 4_194_304)
  parse('1024', 1_024)
  parse('64KiB', 65_536)
  for (const text of ['', 'KB', '5X', '-1KB']) {
    t.throws(() => parseConfigBytes(text), SyntaxError, text)
  }
})
