# peers_glmnet.R fit|cv TABLE - glmnet on what peers_lasso.py has written down: a problem a line,
# arrays beside it; writes intercepts and coefficients, or means and standard errors of folds.
suppressPackageStartupMessages(library(glmnet))

word <- commandArgs(trailingOnly = TRUE)
glmnet.control(fdev = 0, devmax = 1, mnlam = 1, epsnr = 1e-14, mxitnr = 1000)
table <- read.table(word[2], stringsAsFactors = FALSE)
for (k in seq_len(nrow(table))) {
  row <- table[k, ]
  part <- function(name, size) readBin(paste0(row$V1, name), "double", size)
  n <- row$V3
  p <- row$V4
  lambda <- part("lambda", row$V5)
  y <- part("y", n)
  # Smaller steps than asked for, which are left out of the answer.
  grid <- sort(unique(c(lambda, exp(seq(log(max(lambda) * 20), log(min(lambda)), length = 30)))),
               decreasing = TRUE)
  words <- list(x = matrix(part("x", n * p), n, p), y = if (row$V2 == "binomial") factor(y) else y,
                weights = part("w", n), family = row$V2, alpha = row$V6, intercept = row$V7 == 1,
                standardize = row$V8 == 1, penalty.factor = part("pf", p), lambda = grid,
                lower.limits = if (row$V9 == 1) 0 else -Inf, thresh = 1e-16, maxit = 1e7)
  at <- match(lambda, grid)
  if (word[1] == "cv") {
    fit <- suppressWarnings(do.call(cv.glmnet, c(words, list(foldid = part("fold", n)))))
    values <- rbind(fit$cvm[at], fit$cvsd[at])
  } else {
    fit <- tryCatch(suppressWarnings(do.call(glmnet, words)), error = function(e) NULL)
    if (is.null(fit) || length(fit$lambda) < max(at)) next
    values <- rbind(fit$a0, as.matrix(fit$beta))[, at]
  }
  writeBin(as.vector(t(values)), paste0(row$V1, "out"))
}
