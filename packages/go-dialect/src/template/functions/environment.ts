// Functions that read the environment. The caller passes it in.

import { fn } from '../function.ts'

// A name in braces, a name, or one of the shell's single signs.
const variable = /\$(?:\{(\w+)\}|([A-Za-z_]\w*|[0-9*#$@!?-]))/g

/** Creates `env` and `expandenv`, which replaces `$NAME` and `${NAME}`. Unset variables are empty. */
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
