/** A mail to one address, with the same content as text and as HTML. */
export interface Message {
  to: string
  subject: string
  text: string
  html: string
}

/** A way to send messages. `deliver` throws if the message could not be sent. */
export interface Transport {
  deliver: (message: Message) => Promise<void>
  close: () => void
}

/**
 * The content of a message: paragraphs, an optional link, and closing paragraphs. All values
 * are plain text; {@link compose} escapes them.
 */
export interface Content {
  subject: string
  paragraphs: string[]
  link?: { label: string; url: string }
  closing: string[]
}

/** Creates the text and the HTML part of a message. */
export function compose(to: string, { subject, paragraphs, link, closing }: Content): Message {
  const text = [
    ...paragraphs,
    ...(link === undefined ? [] : [`${link.label}:\n${link.url}`]),
    ...closing,
  ].join('\n\n')
  const button =
    link === undefined
      ? ''
      : `<p><a href="${escape(link.url)}" style="display:inline-block;padding:12px 20px;border-radius:6px;background:#1f4ed8;color:#ffffff;text-decoration:none">${escape(link.label)}</a></p><p style="font-size:13px;color:#555555">If the button does not work, copy this address into your browser:<br><span style="word-break:break-all">${escape(link.url)}</span></p>`
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(subject)}</title></head><body style="margin:0;padding:24px;font:16px/1.5 sans-serif;color:#1a1a1a;background:#ffffff"><div style="max-width:560px;margin:0 auto">${htmlParagraphs(paragraphs)}${button}${htmlParagraphs(closing)}</div></body></html>`
  return { to, subject, text: `${text}\n`, html }
}

function htmlParagraphs(paragraphs: string[]): string {
  return paragraphs.map((paragraph) => `<p>${escape(paragraph)}</p>`).join('')
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
