/* page.c - one file, nothing from elsewhere.  What jobs bring (names, errors) becomes text by
 * textContent alone, and the policy forbids every script but the one with this reply's nonce. */
#include "service/page.h"

#include "core/base/mem.h"
#include "service/reply.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884}"
    "th{white-space:nowrap}td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}"
    "td{min-width:14rem}td.s{min-width:0;white-space:nowrap}td[colspan]{color:#888}section{overflow-x:auto}"
    "#trouble{color:#b00020}"
    ":root{color-scheme:light dark}";

static const char body[] =
    "<h1>Rondo</h1><p id=trouble role=status></p>"
    "<h2>Jobs</h2><section><table><thead><tr><th>id<th>name<th>app<th>state<th>submitted<th>ended"
    "<th>why</thead><tbody id=jobs></tbody></table></section>"
    "<h2>Workers</h2><section><table><thead><tr><th>id<th>name<th>host<th>threads<th>device"
    "<th>state<th>job<th>since</thead><tbody id=workers></tbody></table></section>";

static const char script[] =
    "'use strict';"
    "function row(cells){const tr=document.createElement('tr');"
    "for(const cell of cells){const td=document.createElement('td');"
    "td.textContent=cell===null||cell===undefined?'':String(cell);"
    "if(td.textContent.length<24)td.className='s';tr.append(td);}return tr;}"
    "function time(text){return text&&text.slice(0,19).replace('T',' ');}"
    "function fill(id,rows){if(!rows.length){rows=[row(['none'])];"
    "rows[0].firstChild.colSpan=8;}document.getElementById(id).replaceChildren(...rows);}"
    "async function get(path){const reply=await fetch(path);"
    "if(!reply.ok)throw new Error(path+': '+reply.status);return reply.json();}"
    "async function look(){const trouble=document.getElementById('trouble');"
    "try{const jobs=await get('/v1/jobs?limit=100'),workers=await get('/v1/workers');"
    "fill('jobs',jobs.jobs.map(j=>row([j.id,j.name,j.app,j.state,time(j.submitted),time(j.ended),"
    "j.error||j.stop_reason])));"
    "fill('workers',workers.workers.map(w=>row([w.id,w.name,w.host,w.threads,w.device,w.state,"
    "w.job,time(w.since)])));"
    "trouble.textContent='';}catch(error){trouble.textContent=error.message;}"
    "setTimeout(look,3000);}"
    "look();";

static int put(struct rondo_buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

static int compose(struct rondo_buf *buf, const char *nonce)
{
    const char *const parts[] = {
        "<!doctype html><html lang=en><meta charset=utf-8><title>Rondo</title>"
        "<meta name=viewport content=\"width=device-width\"><style nonce=", nonce, ">", style,
        "</style>", body, "<script nonce=", nonce, ">", script, "</script></html>\n",
    };
    int code = RONDO_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !code; i++)
        code = put(buf, parts[i]);
    return code;
}

void page_serve(struct exchange *exchange)
{
    unsigned char random[16];
    char nonce[2 * sizeof random + 1], policy[400];
    struct rondo_buf buf = { 0 };
    bool failed = getrandom(random, sizeof random, 0) != (ssize_t)sizeof random;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(nonce + 2 * i, 3, "%02x", random[i]);
    snprintf(policy, sizeof policy,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; "
             "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    failed = compose(&buf, nonce) != 0 || failed;
    reply_bytes(exchange, MHD_HTTP_OK, "text/html; charset=utf-8", &buf, failed);
    reply_header(exchange, "Content-Security-Policy", policy);
    reply_header(exchange, "Referrer-Policy", "no-referrer");
}
