// A button with a picture and a name.

import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icon.tsx'

export interface IconButtonProps {
  readonly icon: IconName
  /** What it does; the key in brackets. */
  readonly label: string
  readonly onClick: () => void
  readonly isPressed?: boolean | undefined
  readonly isDisabled?: boolean
  readonly keyName?: string
  readonly children?: ComponentChildren
}

/** A button whose name shows on hover, with its key. */
export function IconButton(props: IconButtonProps) {
  const { icon, label, onClick, isPressed, isDisabled = false, keyName, children } = props
  return (
    <button
      type="button"
      class={children ? 'button' : 'button square'}
      title={keyName ? `${label} (${keyName})` : label}
      aria-label={children ? undefined : label}
      aria-pressed={isPressed}
      aria-keyshortcuts={keyName}
      disabled={isDisabled}
      onClick={onClick}
    >
      <Icon name={icon} />
      {children}
    </button>
  )
}
