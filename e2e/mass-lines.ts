// Lines of which there are too many to read each one back: a number, and a key that is as good as
// random. When a file has as many lines as were written, and both sums are right, none is missing and
// none is there twice.

const padding = 'lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy '.repeat(14)

/** Key of a line, below 2^31. */
export function massKey(file: number, number: number): number {
  let value = Math.imul(file + 1, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 1
}

/** Text of a line: logfmt, 100 to 1,000 bytes. */
export function massLine(file: number, number: number): string {
  const key = massKey(file, number)
  return `f=${file} n=${number} k=${key} msg="${padding.slice(0, 60 + (key % 900))}"`
}
