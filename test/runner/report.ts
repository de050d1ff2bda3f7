// Prints what happens while test files run, and the sums at the end.

import type { FileResult } from './run-files.ts'

/** Prints one line for a file, and each failure in full. */
export function printResult({ file, seconds, passed, failures, skips }: FileResult): void {
  const mark = failures.length === 0 ? 'ok' : 'not ok'
  console.log(`${mark} - ${file} # ${passed} passed, ${seconds.toFixed(1)} s`)
  for (const skip of skips) console.log(`  skipped: ${skip}`)
  for (const failure of failures) console.log(failure.replace(/^/gm, '  '))
}

/** Prints the failed files again, and how many assertions passed and failed. Returns the exit code. */
export function printSums(results: readonly FileResult[], seconds: number): number {
  const failed = results.filter(({ failures }) => failures.length > 0)
  for (const { file, failures } of failed) {
    console.log(`FAILED ${file}: ${failures.map(failure => failure.split('\n')[0]).join('; ')}`)
  }
  const passes = results.reduce((sum, { passed }) => sum + passed, 0)
  const fails = failed.reduce((sum, { failures }) => sum + failures.length, 0)
  console.log(
    `${results.length} files in ${Math.round(seconds)} s: ${passes} assertions passed, ${fails} failed`,
  )
  return results.length === 0 || fails > 0 ? 1 : 0
}
