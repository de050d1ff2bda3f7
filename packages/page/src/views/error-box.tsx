// Says why something is not shown.

import { useApp } from '../parts/app-context.ts'

export interface ErrorBoxProps {
  readonly error: unknown
  readonly onRetry?: () => void
}

/** The reason, and a button to try again. */
export function ErrorBox({ error, onRetry }: ErrorBoxProps) {
  const app = useApp()
  const t = app.texts.value
  return (
    <div class="error-box" role="alert">
      <p dir="auto">{app.describe(error)}</p>
      {onRetry && (
        <button type="button" class="button" onClick={onRetry}>
          {t.tryAgain}
        </button>
      )}
    </div>
  )
}
