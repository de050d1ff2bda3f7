// Functions that read the environment, which whoever runs templates hands in.

import { fn } from '../function.ts'

// A name in braces, a name, or one of the shell's single signs.
const variable = /\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9*#$@!?-]))/g

/** Makes `env` and `expandenv`, which writes `$NAME` and `${NAME}` out; what is not set is empty. */
export function createEnvironmentFunctions(env: Readonly<Record<string, string | undefined>>) {
  const read = (name: string) => env[name] ?? ''
  return {
    env: fn(['string'], read),
    expandenv: fn(['string'], text =>
      text.replaceAll(variable, (_, inBraces?: string, bare?: string) =>
        read(inBraces ?? bare ?? ''),
      ),
    ),
  }
}
