/**
 * Reads the arguments of a runner: `--flag`, `--name value` and `--name=value`. Returns `defaults` with what was
 * written. Throws an Error that names an argument the runner does not know.
 */
export function readArguments(argv, { flags, values, defaults }) {
  const options = { ...defaults }
  for (let i = 0; i < argv.length; i++) {
    const [, name, written] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argv[i]) ?? []
    if (flags.includes(name)) options[name] = true
    else if (values.includes(name)) {
      const value = written ?? argv[++i]
      if (value === undefined) throw new Error(`--${name} needs a value`)
      options[name] = value
    } else throw new Error(`unknown argument ${argv[i]}`)
  }
  return options
}
