// `skald completion SHELL`: prints a script that completes commands and flags.

import { UsageError } from '../errors.ts'
import { type Flag, flagsOf } from './flags.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export const completionUsage = `skald completion bash|zsh|fish

Prints a script that completes commands, flags and file names.

  bash   skald completion bash > /etc/bash_completion.d/skald
  zsh    skald completion zsh > "\${fpath[1]}/_skald"
  fish   skald completion fish > ~/.config/fish/completions/skald.fish
`

/**
 * Returns the script for the shell of the command line.
 *
 * @param usages The help text of each command.
 * @throws UsageError if there is no such shell.
 */
export function completionScript(
  argv: readonly string[],
  usages: ReadonlyMap<string, string>,
): string {
  const shell = shells.find(name => name === argv[0])
  if (!shell || argv.length > 1) {
    throw new UsageError(`skald completion takes one of ${shells.join(', ')}`, {
      usage: completionUsage,
    })
  }
  return writers[shell](new Map([...usages].map(([name, usage]) => [name, flagsOf(usage)])))
}

type Flags = ReadonlyMap<string, readonly Flag[]>

/** Commands that are there besides those with flags. */
const others = ['completion', 'help', 'man', 'version']

const writers: Readonly<Record<Shell, (flags: Flags) => string>> = {
  bash: flags => `# Completes skald in bash.
_skald() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${allNames(flags).join(' ')}' -- "$word"))
    return
  fi
  case "$command $before" in
${choiceRows(flags)
  .map(
    ({ command, flag, choices }) =>
      `    '${command} ${flag}') COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$word")); return ;;`,
  )
  .join('\n')}
    'completion completion') COMPREPLY=($(compgen -W '${shells.join(' ')}' -- "$word")); return ;;
    'help help') COMPREPLY=($(compgen -W '${allNames(flags).join(' ')}' -- "$word")); return ;;
  esac
  case "$word" in
    -*)
      case "$command" in
${[...flags]
  .map(
    ([name, list]) =>
      `        ${name}) COMPREPLY=($(compgen -W '${list.map(flag => flag.name).join(' ')}' -- "$word")) ;;`,
  )
  .join('\n')}
      esac ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _skald skald
`,
  zsh: flags => `#compdef skald
# Completes skald in zsh.
_skald() {
  if (( CURRENT == 2 )); then
    compadd -- ${allNames(flags).join(' ')}
    return
  fi
  case "\${words[2]} \${words[CURRENT-1]}" in
${choiceRows(flags)
  .map(
    ({ command, flag, choices }) =>
      `    '${command} ${flag}') compadd -- ${choices.join(' ')}; return ;;`,
  )
  .join('\n')}
    'completion completion') compadd -- ${shells.join(' ')}; return ;;
    'help help') compadd -- ${allNames(flags).join(' ')}; return ;;
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    case "\${words[2]}" in
${[...flags]
  .map(([name, list]) => `      ${name}) compadd -- ${list.map(flag => flag.name).join(' ')} ;;`)
  .join('\n')}
    esac
  else
    _files
  fi
}
compdef _skald skald
`,
  fish: flags =>
    `# Completes skald in fish.\n${[
      `complete -c skald -n __fish_use_subcommand -f -a '${allNames(flags).join(' ')}'`,
      `complete -c skald -n '__fish_seen_subcommand_from completion' -f -a '${shells.join(' ')}'`,
      ...[...flags].flatMap(([command, list]) => list.map(flag => fishRow(command, flag))),
    ].join('\n')}\n`,
}

function fishRow(command: string, { name, choices, summary }: Flag): string {
  // Two dashes are a long option, one dash an old one.
  const kind = name.startsWith('--') ? `-l ${name.slice(2)}` : `-o ${name.slice(1)}`
  const takes = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : ''
  const told = summary === '' ? '' : ` -d '${summary.replaceAll(/['\\]/g, '\\$&')}'`
  return `complete -c skald -n '__fish_seen_subcommand_from ${command}' ${kind}${takes}${told}`
}

function allNames(flags: Flags): string[] {
  return [...flags.keys(), ...others].sort()
}

function choiceRows(flags: Flags) {
  return [...flags].flatMap(([command, list]) =>
    list
      .filter(({ choices }) => choices.length > 0)
      .map(({ name, choices }) => ({ command, flag: name, choices })),
  )
}
