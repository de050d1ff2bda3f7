// A wall clock of started processes that can be set, with Debian's libfaketime. Their timers go on as before.

import { globSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The wall clock of all processes that get its environment. */
export class JumpingClock {
  readonly #file: string
  readonly #library: string

  private constructor(file: string, library: string) {
    this.#file = file
    this.#library = library
    this.set(0)
  }

  /** Returns a clock that is right, or `undefined` if libfaketime is not installed. */
  static open(dir: string): JumpingClock | undefined {
    const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
    return library === undefined ? undefined : new JumpingClock(join(dir, 'clock'), library)
  }

  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // The times of files are the right ones.
      NO_FAKE_STAT: '1',
    }
  }

  /** Sets the clock to this many seconds after the right time, or before it. */
  set(seconds: number): void {
    const next = `${this.#file}.next`
    writeFileSync(next, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s\n`)
    renameSync(next, this.#file)
  }
}
