// @ts-check
/** A QR code (ISO/IEC 18004) as a drawing, dark on light in both themes, since that is what cameras look for. */
import { svg } from "lit-html";
import qrcode from "qrcode-generator";

/** Of the light edge around it, in modules. */
const QUIET = 4;

/** @param {string} text @param {string} label for those who do not see it */
export function qr(text, label) {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; row++)
    for (let column = 0; column < count; column++) if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`;
  const side = count + 2 * QUIET;
  return svg`<svg class="qr" viewBox="${-QUIET} ${-QUIET} ${side} ${side}" role="img" aria-label=${label} shape-rendering="crispEdges">
    <rect x=${-QUIET} y=${-QUIET} width=${side} height=${side} fill="#fff"></rect><path d=${path} fill="#000"></path>
  </svg>`;
}
