-- Another box of the same size for each request, seeded: what is kept of one box helps with none of them.
math.randomseed(7)
function request()
   local west, south = 127.0 + math.random() * 0.88, 39.5 + math.random() * 0.7
   return wrk.format("GET", string.format("%s%.5f,%.5f,%.5f,%.5f", wrk.path, west, south, west + 0.12, south + 0.092))
end
