// Lines for tests that write too many to read each one back. Each line has a number and a pseudo-random
// key. If a file has as many lines as were written and both sums are correct, none is missing and none is
// repeated.

const padding = 'lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy '.repeat(14)

/** Returns the key of a line, below 2^31. */
export function massKey(file: number, number: number): number {
  let value = Math.imul(file + 1, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 1
}

/** Returns the text of a line: logfmt, 100 to 1,000 bytes. */
export function massLine(file: number, number: number): string {
  const key = massKey(file, number)
  return `f=${file} n=${number} k=${key} msg="${padding.slice(0, 60 + (key % 900))}"`
}
