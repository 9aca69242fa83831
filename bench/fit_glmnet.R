# fit_glmnet.R SOLVER TARGET LAMBDAS OUT PART... - glmnet fits for lasso_peers.py, on request, as
# fit_sklearn.py.  SOLVER: gaussian or binomial.
suppressPackageStartupMessages(library(glmnet))

npy <- function(path, what, size) {
  file <- file(path, "rb")
  on.exit(close(file))
  readBin(file, "raw", 8)
  head <- readBin(file, "integer", 1, size = 2, signed = FALSE)
  readBin(file, "raw", head)
  readBin(file, what, (file.size(path) - 10 - head) / size, size = size)
}

word <- commandArgs(trailingOnly = TRUE)
y <- npy(word[2], "double", 8)
lambdas <- scan(word[3], quiet = TRUE)
if (length(word) == 5) {
  x <- npy(word[5], "double", 8)
  dim(x) <- c(length(y), length(x) / length(y))
} else {
  start <- npy(word[5], "integer", 8)
  x <- new("dgCMatrix", p = start, i = npy(word[6], "integer", 4), x = npy(word[7], "double", 8),
           Dim = c(length(y), length(start) - 1L))
}
glmnet.control(fdev = 0, devmax = 1)
answer <- if (word[1] == "binomial") factor(y) else y
input <- file("stdin", "r")
cat("ready\n")
while (length(line <- readLines(input, 1)) > 0) {
  began <- Sys.time()
  fit <- glmnet(x, answer, family = word[1], lambda = lambdas, intercept = FALSE,
                standardize = FALSE, thresh = as.numeric(line), maxit = 1e9)
  seconds <- as.numeric(difftime(Sys.time(), began, units = "secs"))
  writeBin(as.vector(as.matrix(fit$beta)), word[4])
  cat(sprintf("%.9f\n", seconds))
}
